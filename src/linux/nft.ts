// nftables rules, through the nft command.

import { runCommand } from './commands.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Applies a script as one transaction: all of it or nothing. @throws LinuxError with nft's words */
export async function nft(script: string, namespace?: NetworkNamespace): Promise<void> {
  await runCommand({ program: 'nft', args: ['-f', '-'], script, namespace });
}

/** Runs nft with `--json` and gives its parsed answer. @throws LinuxError */
export async function nftJson(
  args: readonly string[],
  namespace?: NetworkNamespace,
): Promise<unknown> {
  const output = await runCommand({ program: 'nft', args: ['--json', ...args], namespace });
  return output.trim() === '' ? undefined : JSON.parse(output);
}
