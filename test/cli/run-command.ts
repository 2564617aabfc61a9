// Runs a command of the command line in this process and keeps what it prints.

import type { Command } from '../../src/cli/command.ts';

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command on the cluster of a kubeconfig; rejects with what it throws. */
export async function runCommand(
  command: Command,
  kubeconfig: string,
  words: string,
  signal: AbortSignal,
): Promise<CommandOutcome> {
  let [stdout, stderr] = ['', ''];
  const code = await command.run(words.split(' '), {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    env: { KUBECONFIG: kubeconfig },
    cwd: '/',
    signal,
    terminal: { stdout: false, stderr: false },
  });
  return { code, stdout, stderr };
}
