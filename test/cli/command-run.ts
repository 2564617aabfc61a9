// Runs a command in this process and keeps what it prints.

import type { Command } from '../../src/cli/command.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end. What it throws is thrown. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const code = await command.run(args, {
    stdout: (text) => (out += text),
    stderr: (text) => (err += text),
    env,
    cwd: '/',
    terminal: { stdout: false, stderr: false },
    signal: new AbortController().signal,
  });
  return { code, out, err };
}
