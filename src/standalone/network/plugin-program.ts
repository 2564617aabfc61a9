// Puts the base plugin where a container runtime looks for plugins: a file of its name in a folder of
// CNI_PATH.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pluginType } from './plugin/config.ts';

/** Writes an executable that starts a TypeScript program with the running Node. What Node compiles is
 * kept beside it, which halves the time of every start but the first. */
export async function writeProgram(
  file: string,
  program: string,
  compiled = path.join(path.dirname(file), '.compiled'),
): Promise<void> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const lines = [
    '#!/bin/sh',
    `export NODE_COMPILE_CACHE=${quoted(compiled)}`,
    `exec ${quoted(process.execPath)} --disable-warning=ExperimentalWarning ${quoted(program)}`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`, { mode: 0o755 });
}

/** Makes the base plugin available in `folder`, which belongs into CNI_PATH. */
export async function installBasePlugin(folder: string, compiled?: string): Promise<void> {
  const program = path.join(import.meta.dirname, 'plugin/main.ts');
  await writeProgram(path.join(folder, pluginType), program, compiled);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
