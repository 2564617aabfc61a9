// Puts the base plugin where a container runtime looks for plugins: a file of its name in a folder of
// CNI_PATH.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pluginType } from './plugin/config.ts';

/** Writes an executable that starts a TypeScript program with the running Node. */
export async function writeProgram(file: string, program: string): Promise<void> {
  const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(
    file,
    `#!/bin/sh\nexec ${quote(process.execPath)} --disable-warning=ExperimentalWarning ${quote(program)}\n`,
    { mode: 0o755 },
  );
}

/** Makes the base plugin available in `folder`, which belongs into CNI_PATH. */
export async function installBasePlugin(folder: string): Promise<void> {
  const program = path.join(import.meta.dirname, 'plugin/main.ts');
  await writeProgram(path.join(folder, pluginType), program);
}
