// Bare file descriptors: closing and duplicating them, and those below Node's socket objects.

import { closeSync } from 'node:fs';
import { call } from './libc.ts';

const fDupfdCloexec = 1030;

/** Closes a descriptor that no Node object owns. */
export function closeDescriptor(fd: number): void {
  closeSync(fd);
}

/** A second descriptor (close-on-exec) of the same open file. @throws LinuxError */
export function duplicateDescriptor(fd: number): number {
  return call('fcntl', [fd, fDupfdCloexec, 0], `duplicate descriptor ${fd}`);
}

/** The descriptor below a Node socket or server; undefined once it is closed, or when it is no
 * kernel socket (TLS has none of its own). It stays owned by Node. */
export function descriptorOf(socket: object): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  const fd: unknown = Reflect.get(handle, 'fd');
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
