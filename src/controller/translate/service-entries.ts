// ServiceEntries to the mesh's services, one per host (protocol section 4.7, features section 1.4).

import { parseCidr } from '../../mesh/address.ts';
import type { LoadBalancing, Service, VirtualAddress } from '../../mesh/service.ts';
import type { Namespace } from '../kinds/core.ts';
import type { AllocatedAddress, ServiceEntry } from '../kinds/service-entry.ts';
import { maskCidr } from './cidr.ts';
import { protocolNamed } from './protocols.ts';
import { ingressUsesWaypoint } from './services.ts';
import { failover, preferenceOf } from './traffic-distribution.ts';
import type { PublishedWay } from './waypoint-way.ts';

/** What a ServiceEntry's services are made from beside it. */
export interface ServiceEntrySurroundings {
  readonly namespace: Namespace | undefined;
  /** Where traffic goes first, if anywhere. */
  readonly way: PublishedWay;
  /** Given by the controller, and written down in the status of the object. */
  readonly allocated: readonly AllocatedAddress[];
  readonly visibility: Service['visibility'];
  /** That its addresses are on. */
  readonly network: string;
}

/** Translates a ServiceEntry. None of its services is canonical yet. */
export function translateServiceEntry(
  object: ServiceEntry,
  surroundings: ServiceEntrySurroundings,
): Service[] {
  const { namespace: ownNamespace = '', name } = object.metadata;
  const spec = object.spec ?? {};
  const { way, namespace, visibility, allocated, network } = surroundings;
  const addressOf = (text: string): VirtualAddress[] => virtualAddress(text, network);
  const declared = (spec.addresses ?? []).flatMap(addressOf);
  const loadBalancing = balancingOf(object, namespace);
  return hostsOf(object).map((hostname) => ({
    name,
    namespace: ownNamespace,
    hostname,
    addresses:
      declared.length > 0
        ? declared
        : allocated
            .filter(({ host }) => host.toLowerCase() === hostname)
            .flatMap(({ value }) => addressOf(value)),
    ports: (spec.ports ?? []).map((port) => ({
      servicePort: port.number,
      targetPort: port.targetPort || port.number,
      appProtocol: protocolNamed(port.protocol ?? '') ?? 'unknown',
    })),
    subjectAltNames: spec.subjectAltNames ?? [],
    ...way,
    ...(loadBalancing && { loadBalancing }),
    ipFamilies: 'automatic',
    canonical: false,
    ingressUseWaypoint: way.waypoint !== undefined && ingressUsesWaypoint(object, namespace),
    visibility,
  }));
}

/** The hosts of a ServiceEntry in lower case, each once. */
export function hostsOf(object: ServiceEntry): string[] {
  return [...new Set((object.spec?.hosts ?? []).map((host) => host.toLowerCase()))];
}

/** A network keeps its prefix length; an address of full length has none. */
function virtualAddress(text: string, network: string): VirtualAddress[] {
  const parsed = parseCidr(text);
  if (parsed === undefined) return [];
  const { address, length } = maskCidr(parsed);
  const isAddress = length === (address.includes(':') ? 128 : 32);
  return [{ network, address, ...(!isAddress && { length }) }];
}

function balancingOf(
  object: ServiceEntry,
  namespace: Namespace | undefined,
): LoadBalancing | undefined {
  if ((object.spec?.resolution ?? 'NONE') === 'NONE') {
    return { mode: 'passthrough', routingPreference: [], healthPolicy: 'allow-all' };
  }
  const preference = preferenceOf(undefined, object, namespace);
  return preference && failover(preference, 'only-healthy');
}
