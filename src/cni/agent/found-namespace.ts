// A network namespace with the file by which it can be told from one that took its place.

import { statSync } from 'node:fs';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';

/** A namespace, and a file that leads to it. Whoever asked for it owns the namespace. */
export interface FoundNamespace {
  readonly namespace: NetworkNamespace;
  readonly file: string;
}

/** Whether a file still leads to a namespace, by device and inode: whoever replaces the namespace of
 * a pod mounts another at its place. */
export function leadsTo(file: string, namespace: NetworkNamespace): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat !== undefined && `${stat.dev}:${stat.ino}` === namespace.id;
}
