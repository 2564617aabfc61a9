// Kernel settings of a network namespace.

import { readFileSync, writeFileSync } from 'node:fs';
import { LinuxError } from './errors.ts';
import type { NetworkNamespace } from './network-namespace.ts';

/** Sets `net/ipv4/ip_forward` and the like, in a namespace or in that of the thread.
 * @throws LinuxError ENOENT for an unknown one, EPERM or EROFS where writing is not allowed */
export function setSysctl(
  name: string,
  value: string | number,
  namespace?: NetworkNamespace,
): void {
  const write = (): void => writeFileSync(`/proc/sys/${name}`, String(value));
  access(`set ${name}`, write, namespace);
}

/** Reads a setting, without its final newline. @throws LinuxError */
export function getSysctl(name: string, namespace?: NetworkNamespace): string {
  const read = (): string => readFileSync(`/proc/sys/${name}`, 'utf8').trimEnd();
  return access(`read ${name}`, read, namespace);
}

// /proc/sys/net shows the namespace of the thread that opens a file in it.
function access<T>(operation: string, body: () => T, namespace: NetworkNamespace | undefined): T {
  try {
    return namespace === undefined ? body() : namespace.run(body);
  } catch (error) {
    if (error instanceof LinuxError) throw error;
    const errno = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw new LinuxError(operation, typeof errno === 'string' ? errno : 'EIO', { cause: error });
  }
}
