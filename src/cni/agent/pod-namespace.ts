// Finds the network namespace of a pod among those of the node.

import { readdirSync, statfsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { type IpAddress, parseIp } from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { FoundNamespace } from './found-namespace.ts';
import { namespaceByProcess } from './process-namespace.ts';

/** NSFS_MAGIC of the kernel's linux/magic.h. */
const namespaceFileSystem = 0x6e736673;

/** Where to look. */
export interface NamespaceFolder {
  /** Holds a mount for each pod's namespace. */
  readonly folder: string;
  /** The node's own namespace (see NetworkNamespace.id), which is never a pod's. */
  readonly nodeId: string;
  /** The node's /proc, asked when the folder holds no mount of the pod. */
  readonly processes?: string;
}

/** Opens the namespace that the container runtime named. The runtime may see other paths than the
 * agent: the same name in the agent's folder counts too. @throws AmbitError AMB1305 */
export function openPodNamespace(file: string, where: NamespaceFolder): FoundNamespace {
  const candidates = [file, path.join(where.folder, path.basename(file))];
  const found = candidates.find(isNamespace);
  if (found === undefined) {
    throw new AmbitError('AMB1305', `neither ${candidates.join(' nor ')} is a network namespace`);
  }
  return { namespace: notTheNodes(NetworkNamespace.open(found), where, file), file: found };
}

/** Finds the namespace that owns all addresses of a pod, or else that of its oldest process if it
 * owns one of them.
 * @throws AmbitError AMB1305 when there is none, or more than one */
export function findPodNamespace(
  addresses: readonly IpAddress[],
  where: NamespaceFolder,
  uid?: string,
): FoundNamespace {
  try {
    return findMounted(addresses, where);
  } catch (error) {
    const { nodeId, processes } = where;
    if (uid === undefined || processes === undefined) throw error;
    const found = namespaceByProcess(uid, processes, (namespace) => {
      if (namespace.id === nodeId) return false;
      const owned = addressesIn(namespace);
      return addresses.some((address) => owned.has(address));
    });
    if (found === undefined) throw error;
    return found;
  }
}

function findMounted(addresses: readonly IpAddress[], where: NamespaceFolder): FoundNamespace {
  const list = addresses.join(', ');
  const found: FoundNamespace[] = [];
  for (const file of namespaceFiles(where.folder)) {
    const namespace = openIfStill(file);
    if (namespace === undefined) continue;
    const owned = namespace.id === where.nodeId ? new Set() : addressesIn(namespace);
    const known = found.some((one) => one.namespace.id === namespace.id);
    if (!known && addresses.length > 0 && addresses.every((one) => owned.has(one))) {
      found.push({ file, namespace });
    } else {
      namespace[Symbol.dispose]();
    }
  }
  const [first, ...others] = found;
  if (first !== undefined && others.length === 0) return first;
  for (const { namespace } of found) namespace[Symbol.dispose]();
  const files = found.map(({ file }) => file).join(', ');
  const what = files === '' ? `no namespace in ${where.folder} owns` : `${files} all own`;
  throw new AmbitError('AMB1305', `${what} ${list}`);
}

function namespaceFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .map((name) => path.join(folder, name))
      .filter(isNamespace);
  } catch (cause) {
    throw new AmbitError('AMB1305', `${folder} cannot be read`, { cause });
  }
}

/** A mount that has not reached this process shows as a plain file. */
function isNamespace(file: string): boolean {
  try {
    return statfsSync(file).type === namespaceFileSystem;
  } catch {
    return false; // gone, or not ours to see
  }
}

function openIfStill(file: string): NetworkNamespace | undefined {
  try {
    return NetworkNamespace.open(file);
  } catch {
    return undefined; // the pod went meanwhile
  }
}

function notTheNodes(
  namespace: NetworkNamespace,
  where: NamespaceFolder,
  file: string,
): NetworkNamespace {
  if (namespace.id !== where.nodeId) return namespace;
  namespace[Symbol.dispose]();
  throw new AmbitError('AMB1305', `${file} is the network namespace of the node itself`);
}

/** Whether a namespace owns all these addresses. */
export function ownsAddresses(
  namespace: NetworkNamespace,
  addresses: readonly IpAddress[],
): boolean {
  const owned = addressesIn(namespace);
  return addresses.every((address) => owned.has(address));
}

/** The addresses of the interfaces that are up in a namespace, beside loopback's. */
function addressesIn(namespace: NetworkNamespace): Set<IpAddress> {
  try {
    const entries = namespace.run(() => Object.values(networkInterfaces()).flat());
    const texts = entries.filter((entry) => entry?.internal === false);
    return new Set(texts.flatMap((entry) => parseIp(entry?.address ?? '') ?? []));
  } catch {
    return new Set(); // not a network namespace, such as a pid namespace mounted beside
  }
}
