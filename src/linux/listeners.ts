// Who listens in a namespace, read from the kernel without a connection and without a command.

import { readFileSync } from 'node:fs';
import type { NetworkNamespace } from './network-namespace.ts';

/** `0A` is TCP_LISTEN of the kernel's net/tcp_states.h. */
const listenState = '0A';

/** The TCP ports with a listener on any address, both families. @throws the error of read(2) */
export function listeningTcpPorts(namespace: NetworkNamespace): Set<number> {
  const tables = namespace.run(() =>
    ['tcp', 'tcp6'].map((name) => {
      try {
        return readFileSync(`/proc/thread-self/net/${name}`, 'utf8');
      } catch {
        return ''; // a kernel without that family
      }
    }),
  );
  const ports = new Set<number>();
  for (const line of tables.flatMap((table) => table.split('\n').slice(1))) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state !== listenState || local === undefined) continue;
    ports.add(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
  }
  return ports;
}
