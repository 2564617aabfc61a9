// What a node's "root file system" holds before its kubelet starts: CNI configuration, and a /run whose
// mounts are seen by pods that mount it.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeShared } from '../../linux/mounts.ts';
import type { PluginConfiguration } from './cni/network-configuration.ts';

const cniVersion = '1.0.0';

/** Prepares the folder of a node. @throws LinuxError, and what the file system throws */
export function prepareNodeFiles(root: string, plugins: readonly PluginConfiguration[]): void {
  for (const folder of ['run/netns', 'run/ztunnel', 'run/istio-cni', 'etc/cni/net.d', 'pods']) {
    mkdirSync(path.join(root, folder), { recursive: true });
  }
  // Pods' namespaces are mounted below it after a node agent has started, and it must see them.
  makeShared(path.join(root, 'run'));
  writeChain(root, plugins);
}

/** Writes the chain of plugins that new pods of a node go through. */
export function writeChain(root: string, plugins: readonly PluginConfiguration[]): void {
  const file = path.join(root, 'etc/cni/net.d/10-ambit.conflist');
  const list = { cniVersion, name: 'ambit', plugins };
  writeFileSync(file, `${JSON.stringify(list, null, 2)}\n`);
}
