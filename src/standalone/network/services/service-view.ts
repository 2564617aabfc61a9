// What service proxy and name server need to know of Service and EndpointSlice objects.

import { parseIp } from '../../../mesh/address.ts';
import { listAt, numberAt, recordAt, textAt, valueAt } from '../../api/json.ts';
import type { ApiObject } from '../../api/store.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** A port of a service. */
export interface ServicePort {
  /** Empty when the service has but one. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

/** A Service. */
export interface ServiceView {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly kind: 'virtual' | 'headless' | 'external';
  /** Virtual addresses, one per family; empty for other kinds. */
  readonly addresses: readonly string[];
  /** Of kind `external`: the name it stands for. */
  readonly externalName: string;
  readonly ports: readonly ServicePort[];
  readonly publishNotReady: boolean;
  /** `internalTrafficPolicy: Local`: only endpoints of the client's node. */
  readonly localOnly: boolean;
  /** `trafficDistribution: PreferSameNode`. */
  readonly preferLocal: boolean;
  /** `sessionAffinity: ClientIP`: how long a client keeps its endpoint. */
  readonly affinitySeconds: number | undefined;
}

/** One endpoint of a service. */
export interface EndpointView {
  readonly address: string;
  readonly ports: readonly ServicePort[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName: string | undefined;
  readonly hostname: string | undefined;
}

const defaultAffinitySeconds = 10_800;

/** Reads a Service. */
export function viewService(object: ApiObject): ServiceView {
  const { name, namespace = '' } = object.metadata;
  const type = textAt(object, 'spec', 'type');
  // "None" is no address.
  const addresses = listAt(object, 'spec', 'clusterIPs').flatMap(viewAddress);
  const affinity = textAt(object, 'spec', 'sessionAffinity') === 'ClientIP';
  const timeout = numberAt(object, 'spec', 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds');
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    kind: type === 'ExternalName' ? 'external' : addresses.length > 0 ? 'virtual' : 'headless',
    addresses,
    externalName: textAt(object, 'spec', 'externalName') ?? '',
    ports: listAt(object, 'spec', 'ports').flatMap(viewPort),
    publishNotReady: valueAt(object, 'spec', 'publishNotReadyAddresses') === true,
    localOnly: textAt(object, 'spec', 'internalTrafficPolicy') === 'Local',
    preferLocal: textAt(object, 'spec', 'trafficDistribution') === 'PreferSameNode',
    affinitySeconds: affinity ? (timeout ?? defaultAffinitySeconds) : undefined,
  };
}

/** The service that an EndpointSlice belongs to, as `namespace/name`. */
export function serviceOfSlice(slice: ApiObject): string | undefined {
  const name = slice.metadata.labels?.['kubernetes.io/service-name'];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}

/** Reads the endpoints of an EndpointSlice. Slices of names instead of addresses have none. */
export function viewEndpoints(slice: ApiObject): EndpointView[] {
  if (textAt(slice, 'addressType') === 'FQDN') return [];
  const ports = listAt(slice, 'ports').flatMap(viewPort);
  return listAt(slice, 'endpoints').flatMap((endpoint) => {
    const [address] = listAt(endpoint, 'addresses').flatMap(viewAddress);
    if (address === undefined) return [];
    const conditions = recordAt(endpoint, 'conditions');
    const ready = conditions?.['ready'] !== false;
    return [
      {
        address,
        ports,
        ready,
        // Unknown means the same as ready (Kubernetes' EndpointConditions).
        serving: typeof conditions?.['serving'] === 'boolean' ? conditions['serving'] : ready,
        terminating: conditions?.['terminating'] === true,
        nodeName: textAt(endpoint, 'nodeName'),
        hostname: textAt(endpoint, 'hostname'),
      },
    ];
  });
}

function viewAddress(address: unknown): string[] {
  const parsed = typeof address === 'string' ? parseIp(address) : undefined;
  return parsed === undefined ? [] : [parsed];
}

function viewPort(port: unknown): ServicePort[] {
  const number = numberAt(port, 'port');
  const protocol = (textAt(port, 'protocol') ?? 'TCP').toLowerCase();
  if (number === undefined || !isProtocol(protocol)) return [];
  return [{ name: textAt(port, 'name') ?? '', protocol, port: number }];
}

function isProtocol(text: string): text is Protocol {
  return text === 'tcp' || text === 'udp' || text === 'sctp';
}
