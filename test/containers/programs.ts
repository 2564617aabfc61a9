// The container runtime and its plugins: Debian's, as installed or as fetched by tools/run.mjs.

import { existsSync } from 'node:fs';
import path from 'node:path';

const fetched = path.resolve(import.meta.dirname, '../../node_modules/.ambit-programs');
const triplet = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** Where everything is that a node of containers needs. */
export interface Programs {
  readonly containerd: string;
  readonly ctr: string;
  readonly busybox: string;
  /** The folder with the reference CNI plugins. */
  readonly plugins: string;
  /** What programs are found with: containerd calls its shim, and that runc. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Finds them; or says in plain words why containers cannot run here. */
export function findPrograms(): Programs | string {
  const missing: string[] = [];
  const find = (name: string, file: string): string => {
    const places = [path.join('/', file), path.join(fetched, name, file)];
    const found = places.find((place) => existsSync(place));
    if (found === undefined) missing.push(name);
    return found ?? '';
  };
  const containerd = find('containerd', 'usr/bin/containerd');
  const runc = find('runc', 'usr/sbin/runc');
  const library = find('libseccomp2', `usr/lib/${triplet}/libseccomp.so.2`);
  const bridge = find('containernetworking-plugins', 'usr/lib/cni/bridge');
  const busybox = find('busybox-static', 'bin/busybox');
  if (missing.length > 0) return `no containers here, for want of ${missing.join(', ')}`;
  if (process.getuid?.() !== 0) return 'no containers here, since only root can run them';
  const folders = [path.dirname(containerd), path.dirname(runc)];
  const environment = {
    PATH: [...folders, '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
    LD_LIBRARY_PATH: path.dirname(library),
  };
  const ctr = path.join(path.dirname(containerd), 'ctr');
  return { containerd, ctr, busybox, plugins: path.dirname(bridge), environment };
}
