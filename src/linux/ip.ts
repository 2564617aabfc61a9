// Links, addresses, routes and policy rules, through the ip command.

import { runCommand } from './commands.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Runs commands of `ip` (each line without the leading `ip`, but with `-4` or `-6` in front where the
 * family matters), in order. The first that fails ends it; what came before it stays.
 * @throws LinuxError with the tool's words */
export async function ip(lines: readonly string[], namespace?: NetworkNamespace): Promise<void> {
  for (const { flags, commands } of batches(lines)) {
    const script = `${commands.join('\n')}\n`;
    await runCommand({ program: 'ip', args: [...flags, '-batch', '-'], script, namespace });
  }
}

interface Batch {
  readonly flags: readonly string[];
  readonly commands: string[];
}

/** A batch takes its flags from the command line only, so each change of family starts another. */
function batches(lines: readonly string[]): Batch[] {
  const result: Batch[] = [];
  for (const line of lines) {
    const flag = /^-[46] /.exec(line)?.[0];
    const command = line.slice(flag?.length ?? 0);
    const last = result.at(-1);
    if (last !== undefined && last.flags[0] === flag?.trim()) last.commands.push(command);
    else result.push({ flags: flag === undefined ? [] : [flag.trim()], commands: [command] });
  }
  return result;
}

/** Runs `ip -json` and gives its parsed answer. @throws LinuxError */
export async function ipJson(
  args: readonly string[],
  namespace?: NetworkNamespace,
): Promise<unknown> {
  const output = await runCommand({ program: 'ip', args: ['-json', ...args], namespace });
  return output.trim() === '' ? [] : JSON.parse(output);
}

/** Switches an interface on or off. @throws LinuxError ENODEV */
export async function setLink(
  interfaceName: string,
  state: 'up' | 'down',
  namespace?: NetworkNamespace,
): Promise<void> {
  await ip([`link set dev ${interfaceName} ${state}`], namespace);
}
