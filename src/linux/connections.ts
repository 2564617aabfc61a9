// The TCP connections of a namespace, whoever's they are, and ending them, through the ss command
// (sock_diag(7); ending needs a kernel with CONFIG_INET_DIAG_DESTROY).

import { runCommand } from './commands.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** One socket. Ends are as ss writes them: `10.0.0.1:80`, `[fd00::1]:80`. */
export interface TcpConnection {
  readonly local: string;
  readonly remote: string;
  /** SO_MARK; 0 where there is none, or the reader may not see it (CAP_NET_ADMIN). */
  readonly mark: number;
  /** Both sides have closed, and the kernel only waits for late packets. */
  readonly over: boolean;
}

/** The most connections that one call of ss is told to end: its filter is one command line. */
const chunkSize = 64;

/** All TCP connections of a namespace. @throws LinuxError */
export async function tcpConnections(namespace?: NetworkNamespace): Promise<TcpConnection[]> {
  const args = ['-Htne', 'state', 'connected'];
  const output = await runCommand({ program: 'ss', args, namespace });
  return output.split('\n').flatMap((line) => parseConnection(line) ?? []);
}

/** Reads one line of `ss -Htne state connected`: state, two queue lengths, both ends, then
 * `name:value` words in any order. A link-local address carries its interface, which the filter of
 * ss does not take. */
export function parseConnection(line: string): TcpConnection | undefined {
  const [state, , , local, remote, ...rest] = line.trim().split(/\s+/);
  if (local === undefined || remote === undefined) return undefined;
  if (!/:\d+$/.test(local) || !/:\d+$/.test(remote)) return undefined;
  const mark = rest.find((word) => word.startsWith('fwmark:'))?.slice('fwmark:'.length);
  return {
    local: withoutInterface(local),
    remote: withoutInterface(remote),
    mark: Number(mark ?? 0),
    over: state === 'TIME-WAIT',
  };
}

function withoutInterface(end: string): string {
  return end.replace(/%[^\]:]*/, '');
}

/** Ends connections at once: their owners see an error, their peers a reset. One that has gone, or
 * been replaced by another between other ends, is not touched. @throws LinuxError */
export async function destroyTcpConnections(
  connections: readonly Pick<TcpConnection, 'local' | 'remote'>[],
  namespace?: NetworkNamespace,
): Promise<void> {
  for (let start = 0; start < connections.length; start += chunkSize) {
    const filter = connections
      .slice(start, start + chunkSize)
      .map(({ local, remote }) => `( src ${local} and dst ${remote} )`)
      .join(' or ');
    await runCommand({ program: 'ss', args: ['-KHtn', filter], namespace });
  }
}
