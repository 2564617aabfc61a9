// What the mesh configuration says of providers. Pure.

import { parse } from 'yaml';
import type { ConfigMap } from '../../controller/kinds/core.ts';
import { meshConfigName } from '../../controller/kinds/kinds.ts';
import type { World } from './world.ts';

interface MeshText {
  readonly extensionProviders?: readonly { readonly name?: string }[];
  readonly defaultProviders?: Readonly<Record<string, readonly string[] | undefined>>;
}

/** The configuration as it is written; empty where there is none, or none that can be read. */
export function meshTextOf({ source, mesh }: World): MeshText {
  const object: ConfigMap | undefined = source.get(
    'MeshConfig',
    mesh.rootNamespace,
    meshConfigName,
  );
  try {
    const value: unknown = parse(object?.data?.['mesh'] ?? '');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // Translation tells that it cannot be read.
    return {};
  }
}

/** Names of all providers in lower case: they are compared without regard to it. */
export function providersOf(world: World): ReadonlySet<string> {
  const { extensionProviders } = meshTextOf(world);
  const list = Array.isArray(extensionProviders) ? extensionProviders : [];
  return new Set([
    'prometheus',
    'envoy',
    ...list.map(({ name = '' }) => String(name).toLowerCase()),
  ]);
}
