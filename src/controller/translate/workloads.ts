// Pods to the mesh's workloads (protocol section 4.7).

import { type IpAddress, parseIp } from '../../mesh/address.ts';
import {
  type GatewayAddress,
  type Locality,
  type PortMapping,
  type ServiceKey,
  type Workload,
} from '../../mesh/workload.ts';
import type { Node, Pod } from '../kinds/core.ts';
import { managedLabel } from '../kinds/kinds.ts';
import { type EndpointRule, portsOfPod, rulesSelecting } from './endpoint-rules.ts';
import type { MeshOptions } from './mesh-options.ts';
import { networkOf } from './networks.ts';

const redirectionAnnotation = 'ambient.istio.io/redirection';
const tunnelLabel = 'networking.istio.io/tunnel';

type Labels = Readonly<Record<string, string>>;

/** What a workload is made from beside its pod. */
export interface WorkloadSurroundings {
  readonly node: Node | undefined;
  /** Of the services of the pod's namespace. */
  readonly rules: readonly EndpointRule[];
  /** Of services without selector whose EndpointSlices name the pod. */
  readonly alsoIn: readonly EndpointRule[];
  /** Through a waypoint, or around it. */
  readonly way: Pick<Workload, 'waypoint' | 'bypassedWaypoint'>;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly authorizationPolicies: readonly string[];
  /** Connections to what the mesh does not know are denied. */
  readonly onlyRegistered: boolean;
  /** Where its network is entered, if it is another one. */
  readonly networkGateway: GatewayAddress | undefined;
}

/** The uid of a pod's workload. */
export function podUid(pod: Pod, mesh: MeshOptions): string {
  return `${mesh.clusterId}//Pod/${pod.metadata.namespace ?? ''}/${pod.metadata.name}`;
}

/** Whether a pod is a workload: it has an address and has not ended. */
export function isWorkload(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase !== 'Succeeded' && phase !== 'Failed' && addressesOf(pod).length > 0;
}

/** Whether a pod belongs to a waypoint or gateway that the controller runs. */
export function isGatewayPod(pod: Pod): boolean {
  return pod.metadata.labels?.[managedLabel] !== undefined;
}

/** Translates a pod. */
export function translatePod(
  pod: Pod,
  surroundings: WorkloadSurroundings,
  mesh: MeshOptions,
): Workload {
  const { metadata, spec } = pod;
  const workloadName = workloadNameOf(pod);
  const { networkGateway } = surroundings;
  const tunnel = tunnelOf(metadata.labels, metadata.annotations);
  const confined = surroundings.onlyRegistered && tunnel.tunnelProtocol === 'hbone';
  return {
    uid: podUid(pod, mesh),
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    addresses: addressesOf(pod),
    hostname: '',
    network: networkOf(pod) ?? mesh.network,
    ...tunnel,
    trustDomain: mesh.trustDomain,
    serviceAccount: spec?.serviceAccountName ?? 'default',
    ...surroundings.way,
    ...(networkGateway && { networkGateway }),
    node: spec?.nodeName ?? '',
    ...canonicalLabels(metadata.labels, workloadName),
    workloadType: 'pod',
    workloadName,
    authorizationPolicies: surroundings.authorizationPolicies,
    status: isReady(pod) ? 'healthy' : 'unhealthy',
    clusterId: mesh.clusterId,
    services: servicesOf(pod, surroundings),
    locality: localityOf(surroundings.node),
    networkMode: spec?.hostNetwork === true ? 'host' : 'standard',
    capacity: 1,
    ...(confined && { outboundPolicy: 'registry-only' as const }),
  };
}

/** Whether something takes tunnels, and whether it ends them itself. */
export function tunnelOf(
  labels: Labels | undefined,
  annotations: Labels | undefined,
): Pick<Workload, 'tunnelProtocol' | 'nativeTunnel'> {
  const nativeTunnel = (labels?.[tunnelLabel] ?? '').includes('http');
  const redirected = annotations?.[redirectionAnnotation] === 'enabled';
  return { tunnelProtocol: nativeTunnel || redirected ? 'hbone' : 'none', nativeTunnel };
}

/** What telemetry calls a workload (features section 0.6). */
export function canonicalLabels(
  labels: Labels | undefined,
  workloadName: string,
): Pick<Workload, 'canonicalName' | 'canonicalRevision'> {
  return {
    canonicalName:
      labels?.['service.istio.io/canonical-name'] ??
      labels?.['app.kubernetes.io/name'] ??
      labels?.['app'] ??
      workloadName,
    canonicalRevision:
      labels?.['service.istio.io/canonical-revision'] ??
      labels?.['app.kubernetes.io/version'] ??
      labels?.['version'] ??
      'latest',
  };
}

function addressesOf(pod: Pod): readonly IpAddress[] {
  const { podIP, podIPs } = pod.status ?? {};
  const texts = podIPs?.map(({ ip }) => ip) ?? (podIP === undefined ? [] : [podIP]);
  return texts.flatMap((text) => parseIp(text) ?? []);
}

function isReady(pod: Pod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True';
}

/** The name of what the user made: the Deployment rather than its ReplicaSet, which is named after
 * it with the pod template's hash. */
function workloadNameOf(pod: Pod): string {
  const given = pod.metadata.labels?.['service.istio.io/workload-name'];
  if (given !== undefined) return given;
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  const ending = `-${hash ?? ''}`;
  const deployed = owner.kind === 'ReplicaSet' && hash !== undefined;
  return deployed && owner.name.endsWith(ending) ? owner.name.slice(0, -ending.length) : owner.name;
}

function localityOf(node: Node | undefined): Locality {
  const labels = node?.metadata.labels ?? {};
  return {
    region: labels['topology.kubernetes.io/region'] ?? '',
    zone: labels['topology.kubernetes.io/zone'] ?? '',
    subzone: labels['topology.istio.io/subzone'] ?? '',
  };
}

function servicesOf(
  pod: Pod,
  { rules, alsoIn }: WorkloadSurroundings,
): ReadonlyMap<ServiceKey, readonly PortMapping[]> {
  const result = new Map<ServiceKey, readonly PortMapping[]>();
  for (const rule of [...rulesSelecting(rules, pod.metadata.labels), ...alsoIn]) {
    if (!result.has(rule.key)) result.set(rule.key, portsOfPod(pod, rule));
  }
  return result;
}
