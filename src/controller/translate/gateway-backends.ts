// References of Gateway API routes to backends: what they lead to, or why to nothing (features section
// 5.3.3).

import type { ServiceKey } from '../../mesh/workload.ts';
import { serviceKey } from '../../mesh/workload.ts';
import type { BackendReference, ReferenceGrant, RouteObject } from '../kinds/gateway-routes.ts';
import { objectKey } from '../kinds/object.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';

/** What references are looked up in. */
export interface BackendSources {
  readonly hasService: (key: ServiceKey) => boolean;
  readonly portsOf: (key: ServiceKey) => readonly number[];
  /** The services of each ServiceEntry, by its key. */
  readonly keysOfEntry: ReadonlyMap<string, readonly ServiceKey[]>;
  readonly byHostname: (hostname: string) => ServiceKey | undefined;
  readonly grants: readonly ReferenceGrant[];
}

/** Gateway API's reasons of ResolvedRefs. */
export type UnresolvedReason =
  | 'InvalidKind'
  | 'BackendNotFound'
  | 'InvalidDestination'
  | 'InvalidFilter';

export interface Unresolved {
  readonly reason: UnresolvedReason;
  /** A sentence part. */
  readonly text: string;
}

export type ResolvedBackend =
  | { readonly kind: 'service'; readonly service: ServiceKey; readonly port?: number }
  | ({ readonly kind: 'unresolved' } & Unresolved);

/** Finds the service that a reference of a route means. */
export function resolveBackend(
  reference: BackendReference,
  route: RouteObject,
  sources: BackendSources,
  mesh: MeshOptions,
): ResolvedBackend {
  const { group = '', kind = 'Service', name, port } = reference;
  const namespace = reference.namespace ?? route.metadata.namespace ?? '';
  const described = `${kind} ${namespace}/${name}`;
  const unresolved = (reason: UnresolvedReason, text: string): ResolvedBackend => ({
    kind: 'unresolved',
    reason,
    text,
  });
  let service: ServiceKey | undefined;
  if (group === '' && kind === 'Service') {
    const key = serviceKey(namespace, serviceHostname(namespace, name, mesh));
    if (sources.hasService(key)) service = key;
    if (port === undefined) return unresolved('InvalidDestination', `${described} needs a port`);
  } else if (group === 'networking.istio.io' && kind === 'Hostname') {
    service = sources.byHostname(name.toLowerCase());
  } else if (group === 'networking.istio.io' && kind === 'ServiceEntry') {
    [service] = sources.keysOfEntry.get(objectKey(namespace, name)) ?? [];
  } else {
    const text = `${group === '' ? 'core' : group}/${kind} is no kind of backend; use Service`;
    return unresolved('InvalidKind', text);
  }
  if (service === undefined) return unresolved('BackendNotFound', `${described} does not exist`);
  if (port === undefined) return { kind: 'service', service };
  if (!sources.portsOf(service).includes(port)) {
    return unresolved('BackendNotFound', `${described} has no port ${port}`);
  }
  return { kind: 'service', service, port };
}

/** Whether a reference into another namespace lacks a ReferenceGrant there. */
export function lacksGrant(
  reference: BackendReference,
  route: RouteObject,
  grants: readonly ReferenceGrant[],
): boolean {
  const home = route.metadata.namespace ?? '';
  const { group = '', kind = 'Service', name, namespace = home } = reference;
  if (namespace === home || kind === 'Hostname') return false;
  return !grants.some(
    ({ metadata, spec }) =>
      metadata.namespace === namespace &&
      (spec?.from ?? []).some(
        (from) =>
          from.group === 'gateway.networking.k8s.io' &&
          from.kind === route.kind &&
          from.namespace === home,
      ) &&
      (spec?.to ?? []).some(
        (to) =>
          to.group === group && to.kind === kind && (to.name === undefined || to.name === name),
      ),
  );
}
