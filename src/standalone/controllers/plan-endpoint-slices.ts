// EndpointSlices: which pods stand behind a service, per family.

import { isIPv4, isIPv6 } from 'node:net';
import { jsonEqual } from '../api/json.ts';
import type { ApiObject } from '../api/store.ts';
import type { Action, Plan } from './actions.ts';
import { hashTemplate } from './template-hash.ts';
import { hasEnded, isDeleted, isReady, ownedBy, type Pod } from './workload-objects.ts';

/** Slices that carry it are ours; selectorless services have slices of somebody else. */
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managerName = 'endpointslice-controller.k8s.io';
const serviceLabel = 'kubernetes.io/service-name';
const headlessLabel = 'service.kubernetes.io/headless';
/** Endpoints in one slice, as in Kubernetes. */
const maxEndpoints = 100;

export interface ServiceObject extends ApiObject {
  spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
    readonly selector?: Readonly<Record<string, string>>;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports?: readonly {
      readonly name?: string;
      readonly protocol?: string;
      readonly port?: number;
      readonly targetPort?: number | string;
      readonly appProtocol?: string;
    }[];
  };
}

interface SlicePort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly appProtocol?: string;
}

type Family = 'IPv4' | 'IPv6';

/** Whether the endpoints of a service come from its selector. */
export function selectsPods({ spec }: ServiceObject): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0;
}

/** Decides for one service. `pods` are those of its namespace, `slices` those labelled with its name. */
export function planEndpointSlices(
  service: ServiceObject,
  pods: readonly Pod[],
  slices: readonly ApiObject[],
): Plan {
  if (isDeleted(service) || !selectsPods(service)) return { actions: [] };
  const selector = Object.entries(service.spec?.selector ?? {});
  const behind = pods
    .filter((pod) => selector.every(([key, value]) => pod.metadata.labels?.[key] === value))
    .filter((pod) => !hasEnded(pod))
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  const families = service.spec?.ipFamilies ?? ['IPv4'];
  const wanted = families.flatMap((family) => slicesOf(service, behind, family));
  const own = slices.filter((one) => one.metadata.labels?.[managedByLabel] === managerName);
  return { actions: difference(wanted, own) };
}

/** Pods with the same ports share slices. */
function slicesOf(service: ServiceObject, pods: readonly Pod[], family: Family): ApiObject[] {
  const groups = new Map<string, { ports: SlicePort[]; endpoints: object[] }>();
  for (const pod of pods) {
    const address = addressOf(pod, family);
    if (address === undefined) continue;
    const ports = portsOf(service, pod);
    const group = groups.get(JSON.stringify(ports)) ?? { ports, endpoints: [] };
    groups.set(JSON.stringify(ports), group);
    group.endpoints.push(endpointOf(service, pod, address));
  }
  return [...groups.values()].flatMap(({ ports, endpoints }) =>
    Array.from({ length: Math.ceil(endpoints.length / maxEndpoints) }, (_, index) =>
      slice(service, family, {
        ports,
        endpoints: endpoints.slice(index * maxEndpoints, (index + 1) * maxEndpoints),
        index,
      }),
    ),
  );
}

function slice(
  service: ServiceObject,
  family: Family,
  content: { ports: readonly SlicePort[]; endpoints: readonly object[]; index: number },
): ApiObject {
  const { name, namespace, labels } = service.metadata;
  const { ports, endpoints, index } = content;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${hashTemplate({ family, ports, index }).slice(0, 5)}`,
      namespace,
      labels: {
        ...labels,
        [serviceLabel]: name,
        [managedByLabel]: managerName,
        ...(service.spec?.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
      },
      ownerReferences: [ownedBy(service)],
    },
    addressType: family,
    endpoints,
    ports,
  };
}

function addressOf(pod: Pod, family: Family): string | undefined {
  const all = [pod.status?.podIP ?? '', ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)];
  return all.find(family === 'IPv4' ? isIPv4 : isIPv6);
}

function portsOf(service: ServiceObject, pod: Pod): SlicePort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const { name = '', protocol = 'TCP', targetPort = port.port, appProtocol } = port;
    const number =
      typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort, protocol);
    if (number === undefined || number === 0) return [];
    return [
      { name, protocol, port: number, ...(appProtocol === undefined ? {} : { appProtocol }) },
    ];
  });
}

function namedPort(pod: Pod, name: string | undefined, protocol: string): number | undefined {
  // An int-or-string field may carry a number as text.
  if (name !== undefined && /^\d+$/.test(name)) return Number(name);
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)
    ?.containerPort;
}

function endpointOf(service: ServiceObject, pod: Pod, address: string): object {
  const { name, namespace, uid } = pod.metadata;
  const serving = isReady(pod);
  const terminating = isDeleted(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { hostname, subdomain, nodeName } = pod.spec ?? {};
  const named = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(named ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

function difference(wanted: readonly ApiObject[], own: readonly ApiObject[]): Action[] {
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  const surplus = own.filter((one) => !names.has(one.metadata.name) && !isDeleted(one));
  return [
    ...wanted.flatMap((object) => bring(object, own)),
    ...surplus.map((target): Action => ({ kind: 'delete', target, reason: 'nothing is in it' })),
  ];
}

function bring(object: ApiObject, own: readonly ApiObject[]): Action[] {
  const known = own.find((one) => one.metadata.name === object.metadata.name);
  if (known === undefined) return [{ kind: 'create', object, reason: 'the service has pods' }];
  if (jsonEqual(contentOf(known), contentOf(object))) return [];
  const metadata = {
    ...known.metadata,
    labels: object.metadata.labels,
    ownerReferences: object.metadata.ownerReferences,
  };
  return [{ kind: 'update', object: { ...object, metadata }, reason: 'its pods have changed' }];
}

function contentOf({ metadata, ...content }: ApiObject): unknown {
  const { endpoints, ports } = content as { endpoints?: unknown; ports?: unknown };
  return { labels: metadata.labels, owners: metadata.ownerReferences, endpoints, ports };
}
