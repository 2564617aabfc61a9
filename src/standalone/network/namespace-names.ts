// How the namespaces of a mesh are named, and which of the names below /run/netns are its own.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../runtime/errors.ts';

/** Where named network namespaces live, as `ip netns` has it. */
export const namespacesFolder = '/run/netns';

const meshPattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;
// No hyphen: the last hyphen of a name divides mesh and node, so that the names of the meshes `a`
// and `a-b` never overlap. Twelve letters leave room for `to-` in an interface name.
const nodePattern = /^[a-z][a-z0-9]{0,11}$/;
const fabric = 'fabric';

/** The namespace that holds the link between the nodes. */
export function fabricNamespace(mesh: string, folder: string = namespacesFolder): string {
  return path.join(folder, `ambit-${mesh}-${fabric}`);
}

/** The namespace of a node. */
export function nodeNamespace(
  mesh: string,
  node: string,
  folder: string = namespacesFolder,
): string {
  return path.join(folder, `ambit-${mesh}-${node}`);
}

/** The paths of all namespaces of a mesh that exist, whoever made them. */
export function namespacesOf(mesh: string, folder: string = namespacesFolder): string[] {
  const prefix = `ambit-${mesh}-`;
  return namesIn(folder)
    .filter((name) => name.startsWith(prefix) && nodePattern.test(name.slice(prefix.length)))
    .map((name) => path.join(folder, name));
}

/** The names in a folder; none when it is missing. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

/** @throws AmbitError AMB1150 when a name cannot be used */
export function checkNames(mesh: string, nodes: readonly string[]): void {
  if (!meshPattern.test(mesh)) {
    throw new AmbitError('AMB1150', `${JSON.stringify(mesh)} cannot be the name of a mesh`);
  }
  const bad = nodes.find(
    (node, index) => !nodePattern.test(node) || node === fabric || nodes.indexOf(node) !== index,
  );
  if (bad !== undefined) {
    throw new AmbitError('AMB1150', `${JSON.stringify(bad)} cannot be the name of a node`);
  }
}
