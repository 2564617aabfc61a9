// Who of several listeners that share a port (SO_REUSEPORT) gets a new connection. The kernel spreads
// them by a hash; a process that wants to leave must first see to it that none come to itself,
// because a listener that closes resets what waits in its backlog.

import { LinuxError } from './errors.ts';
import { addressOf, call } from './libc.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { setSysctl } from './sysctl.ts';

const solSocket = 1;
const attachReusePortCbpf = 51;
/** BPF_RET | BPF_K: the program's answer is its constant. */
const returnConstant = 0x06;

/** Sends new connections to the second of the listeners that share the port of `fd`. The kernel numbers
 * them in the order in which they began to listen, and moves the last into the place of one that
 * closes, so with two the first is the old one and the second its successor. With fewer than two the
 * kernel goes back to its hash; the rule thus stays harmless when the old listener has gone.
 * (linux/filter.h; net/core/sock_reuseport.c.) @throws LinuxError */
export function preferSecondListener(fd: number): void {
  // One allocation for both, so that the program lives as long as what points to it.
  const memory = Buffer.alloc(24);
  memory.writeUInt16LE(1, 0);
  memory.writeBigUInt64LE(addressOf(memory) + 16n, 8);
  memory.writeUInt16LE(returnConstant, 16);
  memory.writeUInt32LE(1, 20);
  call('setsockopt', [fd, solSocket, attachReusePortCbpf, memory, 16], 'steer a shared port');
}

/** Lets the kernel hand handshakes under way and connections not yet accepted to another listener of
 * the port when theirs closes (tcp_migrate_req, Linux 5.14). False where that may not be set. */
export function allowMigration(namespace: NetworkNamespace): boolean {
  try {
    setSysctl('net/ipv4/tcp_migrate_req', 1, namespace);
    return true;
  } catch (error) {
    if (error instanceof LinuxError) return false;
    throw error;
  }
}
