// WorkloadEntries, and the endpoints within ServiceEntries, to the mesh's workloads (protocol section
// 4.7, features section 1.5).

import { parseIp } from '../../mesh/address.ts';
import { keyOfService } from '../../mesh/service.ts';
import type { GatewayAddress, Workload } from '../../mesh/workload.ts';
import type { ServiceEntry, WorkloadEntry, WorkloadEntrySpec } from '../kinds/service-entry.ts';
import { type EndpointRule, portsByName, rulesSelecting } from './endpoint-rules.ts';
import type { MeshOptions } from './mesh-options.ts';
import type { EntryOutcome, RegisteredServices } from './register-services.ts';
import { canonicalLabels, tunnelOf } from './workloads.ts';

/** What else a workload is told by. */
export interface EntrySurroundings {
  readonly way: Pick<Workload, 'waypoint' | 'bypassedWaypoint'>;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly authorizationPolicies: readonly string[];
  /** The gateways of other networks. */
  readonly gateways: ReadonlyMap<string, GatewayAddress>;
}

const workloadNameLabel = 'service.istio.io/workload-name';
const healthyCondition = 'Healthy';

type Labels = Readonly<Record<string, string>>;

/** All labels of a WorkloadEntry: those of its specification go before those of the object. */
export function labelsOfEntry({ metadata, spec }: WorkloadEntry): Labels {
  return { ...metadata.labels, ...spec?.labels };
}

/** Translates a WorkloadEntry. It is healthy unless its condition `Healthy` says otherwise. */
export function translateWorkloadEntry(
  object: WorkloadEntry,
  rules: readonly EndpointRule[],
  { way, authorizationPolicies, gateways }: EntrySurroundings,
  mesh: MeshOptions,
): Workload {
  const { namespace = '', name, annotations } = object.metadata;
  const spec = object.spec ?? {};
  const labels = labelsOfEntry(object);
  const healthy = object.status?.conditions?.find(({ type }) => type === healthyCondition);
  return {
    ...workloadOf(spec, gateways, mesh),
    uid: `${mesh.clusterId}/networking.istio.io/WorkloadEntry/${namespace}/${name}`,
    name,
    namespace,
    ...tunnelOf(labels, annotations),
    ...way,
    ...canonicalLabels(labels, labels[workloadNameLabel] ?? name),
    workloadName: labels[workloadNameLabel] ?? name,
    authorizationPolicies,
    status: healthy?.status === 'False' ? 'unhealthy' : 'healthy',
    services: servicesOf(spec, rulesSelecting(rules, labels)),
  };
}

/** The endpoints within a ServiceEntry; those that DNS is to find have the host itself as the only one. */
export function endpointsOfEntry(
  { object, services }: EntryOutcome,
  registered: RegisteredServices,
): { readonly endpoint: WorkloadEntrySpec; readonly rules: readonly EndpointRule[] }[] {
  const rules = services.flatMap(
    (service) => registered.rulesByKey.get(keyOfService(service)) ?? [],
  );
  if (rules.length === 0) return [];
  const { endpoints = [], resolution = 'NONE', workloadSelector } = object.spec ?? {};
  if (endpoints.length > 0) return endpoints.map((endpoint) => ({ endpoint, rules }));
  if (!resolution.includes('DNS') || workloadSelector !== undefined) return [];
  return services.flatMap((service) => {
    const rule = registered.rulesByKey.get(keyOfService(service));
    return rule === undefined ? [] : [{ endpoint: { address: service.hostname }, rules: [rule] }];
  });
}

/** Translates one endpoint within a ServiceEntry. */
export function translateEndpoint(
  object: ServiceEntry,
  endpoint: WorkloadEntrySpec,
  rules: readonly EndpointRule[],
  { way, authorizationPolicies, gateways }: EntrySurroundings,
  mesh: MeshOptions,
): Workload {
  const { namespace = '', name, labels, annotations } = object.metadata;
  const place = `${mesh.clusterId}/networking.istio.io/ServiceEntry/${namespace}/${name}`;
  return {
    ...workloadOf(endpoint, gateways, mesh),
    uid: `${place}/${endpoint.address ?? ''}`,
    name,
    namespace,
    ...tunnelOf({ ...labels, ...endpoint.labels }, annotations),
    ...way,
    ...canonicalLabels(labels, name),
    workloadName: name,
    authorizationPolicies,
    status: 'healthy',
    services: servicesOf(endpoint, rules),
  };
}

function workloadOf(
  spec: WorkloadEntrySpec,
  gateways: EntrySurroundings['gateways'],
  mesh: MeshOptions,
) {
  const { address: text = '', weight = 0, locality = '', serviceAccount } = spec;
  const network = spec.network || mesh.network;
  const networkGateway = network === mesh.network ? undefined : gateways.get(network);
  const address = parseIp(text);
  const [region = '', zone = '', subzone = ''] = locality.split('/');
  return {
    addresses: address === undefined ? [] : [address],
    hostname: address === undefined ? text.toLowerCase() : '',
    network,
    ...(networkGateway && { networkGateway }),
    trustDomain: mesh.trustDomain,
    serviceAccount: serviceAccount || 'default',
    node: '',
    workloadType: 'pod',
    clusterId: mesh.clusterId,
    locality: { region, zone, subzone },
    networkMode: 'standard',
    capacity: Math.max(1, weight),
  } as const;
}

function servicesOf(spec: WorkloadEntrySpec, rules: readonly EndpointRule[]): Workload['services'] {
  return new Map(rules.map((rule) => [rule.key, portsByName(spec.ports, rule)]));
}
