// The base CNI plugin of laptop mode, a program that a container runtime starts once per command.

import { readFileSync, writeSync } from 'node:fs';
import { runPlugin } from './run.ts';

const answer = await runPlugin(process.env, () => readFileSync(0, 'utf8'));
if (answer.output !== undefined) writeSync(1, `${JSON.stringify(answer.output)}\n`);
process.exitCode = answer.exitCode;
