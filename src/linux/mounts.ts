// Mounts that the local node runtime and the namespaces need.

import { readFileSync } from 'node:fs';
import { call } from './libc.ts';

export const msBind = 0x1000;
const msRec = 0x4000;
const msPrivate = 1 << 18;
const msShared = 1 << 20;
export const umountDetach = 2;

/** Shows `source` (a file or folder) at `target` as well. @throws LinuxError */
export function bindMount(source: string, target: string): void {
  call('mount', [source, target, 'none', msBind | msRec, null], `mount ${source} at ${target}`);
}

/** Makes mounts below `path`, which becomes a mount itself if it is none, appear in and vanish from every
 * mount namespace that is copied from this one from now on, as `ip netns` does. @throws LinuxError */
export function makeShared(path: string): void {
  if (!isMounted(path)) bindMount(path, path);
  call('mount', ['none', path, null, msShared | msRec, null], `share mounts below ${path}`);
}

/** Keeps mounts below `path` to this mount namespace. @throws LinuxError */
export function makePrivate(path: string): void {
  if (!isMounted(path)) bindMount(path, path);
  call('mount', ['none', path, null, msPrivate | msRec, null], `privatize mounts below ${path}`);
}

/** Mounts an empty memory file system. @throws LinuxError */
export function mountTmpfs(target: string): void {
  call('mount', ['tmpfs', target, 'tmpfs', 0, 'mode=0755'], `mount tmpfs at ${target}`);
}

/** Every mount point of this mount namespace, oldest first. */
function mountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const field = line.split(' ')[4];
    return field === undefined ? [] : [unescapeMountPath(field)];
  });
}

/** proc(5): blank, tab, newline and backslash are written as octal escapes. */
export function unescapeMountPath(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Whether something is mounted at exactly this path. */
export function isMounted(path: string): boolean {
  return mountPoints().includes(path);
}

/** The mount points at or below `prefix`, oldest first. */
export function mountsBelow(prefix: string): string[] {
  const below = `${prefix.replace(/\/+$/, '')}/`;
  return mountPoints().filter((point) => `${point}/`.startsWith(below));
}

/** Unmounts all that is mounted at or below `prefix`, newest first. @throws LinuxError */
export function unmountAll(prefix: string): void {
  for (const point of mountsBelow(prefix).toReversed()) {
    call('umount2', [point, umountDetach], `unmount ${point}`, ['EINVAL', 'ENOENT']);
  }
}
