// The TCP connections of a namespace, whoever's they are, and ending them, through the ss command
// (sock_diag(7); ending needs a kernel with CONFIG_INET_DIAG_DESTROY).

import { runCommand } from './commands.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Both ends as ss writes them: `10.0.0.1:80`, `[fd00::1]:80`. */
export interface TcpConnection {
  readonly local: string;
  readonly remote: string;
}

/** The most connections that one call of ss is told to end: its filter is one command line. */
const chunkSize = 64;

/** All TCP connections of a namespace, but those that only wait for late packets. @throws
 * LinuxError */
export async function tcpConnections(namespace?: NetworkNamespace): Promise<TcpConnection[]> {
  const args = ['-Htn', 'state', 'connected', 'exclude', 'time-wait'];
  const output = await runCommand({ program: 'ss', args, namespace });
  return output.split('\n').flatMap((line) => {
    const [local, remote] = line
      .trim()
      .split(/\s+/)
      .filter((word) => /:\d+$/.test(word));
    return local === undefined || remote === undefined ? [] : [{ local, remote }];
  });
}

/** Ends connections at once: their owners see an error, their peers a reset. One that has gone, or
 * been replaced by another between other ends, is not touched. @throws LinuxError */
export async function destroyTcpConnections(
  connections: readonly TcpConnection[],
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
