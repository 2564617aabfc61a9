// Who listens in a namespace, and whether anybody is connected, read from the kernel without a connection and without a command.

import { readFileSync } from 'node:fs';
import type { NetworkNamespace } from './network-namespace.ts';

/** `0A` is TCP_LISTEN of the kernel's net/tcp_states.h. */
const listenState = '0A';

/** Whether a namespace has any TCP connection, both families. @throws the error of read(2) */
export function hasTcpConnections(namespace: NetworkNamespace): boolean {
  return sockets(namespace).some(({ state }) => state !== listenState);
}

/** The TCP ports with a listener on any address, both families. @throws the error of read(2) */
export function listeningTcpPorts(namespace: NetworkNamespace): Set<number> {
  const ports = new Set<number>();
  for (const { local, state } of sockets(namespace)) {
    if (state !== listenState) continue;
    ports.add(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
  }
  return ports;
}

function sockets(namespace: NetworkNamespace): { local: string; state: string | undefined }[] {
  const tables = namespace.run(() =>
    ['tcp', 'tcp6'].map((name) => {
      try {
        return readFileSync(`/proc/thread-self/net/${name}`, 'utf8');
      } catch {
        return ''; // a kernel without that family
      }
    }),
  );
  return tables
    .flatMap((table) => table.split('\n').slice(1))
    .flatMap((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local === undefined ? [] : [{ local, state }];
    });
}
