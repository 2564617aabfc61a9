// Asks before something is changed.

import { createInterface } from 'node:readline/promises';
import { AmbitError } from '../../runtime/errors.ts';
import type { CommandContext } from '../command.ts';

/** Whether the user says yes. Where nobody can be asked, only a flag says so. @throws AmbitError AMB1853 */
export async function confirmed(
  question: string,
  skip: boolean,
  context: CommandContext,
): Promise<boolean> {
  if (skip) return true;
  if (!context.terminal.stderr || !process.stdin.isTTY) {
    throw new AmbitError('AMB1853', `${question} Nobody can be asked here: say -y`);
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} (y/N) `, { signal: context.signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}
