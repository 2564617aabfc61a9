// Pods, and endpoints that are no pods, to the mesh's workloads (protocol section 4.7).

import { type IpAddress, parseIp } from '../../mesh/address.ts';
import {
  type GatewayAddress,
  type Locality,
  type PortMapping,
  type ServiceKey,
  serviceKey,
  type Workload,
} from '../../mesh/workload.ts';
import type { EndpointSlice, Node, Pod, ServiceObject } from '../kinds/core.ts';
import { managedLabel } from '../kinds/kinds.ts';
import { selects } from '../kinds/object.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { fixedTarget, isMeshService } from './services.ts';

const redirectionAnnotation = 'ambient.istio.io/redirection';
const tunnelLabel = 'networking.istio.io/tunnel';

/** What a workload is made from beside its pod. */
export interface WorkloadSurroundings {
  readonly node: Node | undefined;
  /** The Services of the pod's namespace. */
  readonly services: readonly ServiceObject[];
  readonly waypoint: GatewayAddress | undefined;
  /** `NAMESPACE/NAME` of the policies that select it. */
  readonly authorizationPolicies: readonly string[];
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
  const labels = metadata.labels ?? {};
  const nativeTunnel = (labels[tunnelLabel] ?? '').includes('http');
  const redirected = metadata.annotations?.[redirectionAnnotation] === 'enabled';
  const workloadName = workloadNameOf(pod);
  const { waypoint } = surroundings;
  return {
    uid: podUid(pod, mesh),
    name: metadata.name,
    namespace: metadata.namespace ?? '',
    addresses: addressesOf(pod),
    hostname: '',
    network: '',
    tunnelProtocol: nativeTunnel || redirected ? 'hbone' : 'none',
    trustDomain: mesh.trustDomain,
    serviceAccount: spec?.serviceAccountName ?? 'default',
    ...(waypoint === undefined ? {} : { waypoint }),
    node: spec?.nodeName ?? '',
    canonicalName:
      labels['service.istio.io/canonical-name'] ??
      labels['app.kubernetes.io/name'] ??
      labels['app'] ??
      workloadName,
    canonicalRevision:
      labels['service.istio.io/canonical-revision'] ??
      labels['app.kubernetes.io/version'] ??
      labels['version'] ??
      'latest',
    workloadType: 'pod',
    workloadName,
    nativeTunnel,
    authorizationPolicies: surroundings.authorizationPolicies,
    status: isReady(pod) ? 'healthy' : 'unhealthy',
    clusterId: mesh.clusterId,
    services: servicesOf(pod, surroundings.services, mesh),
    locality: localityOf(surroundings.node),
    networkMode: spec?.hostNetwork === true ? 'host' : 'standard',
    capacity: 1,
  };
}

/** Endpoints of a Service without selector that are no pods, such as the API server's. They are
 * kept out of the index by address, so that a shared address does not shadow others. */
export function translateSlice(
  slice: EndpointSlice,
  service: ServiceObject,
  mesh: MeshOptions,
): readonly Workload[] {
  const namespace = slice.metadata.namespace ?? '';
  const key = serviceKey(namespace, serviceHostname(namespace, service.metadata.name, mesh));
  const ports = (service.spec?.ports ?? []).flatMap(({ name, port }): readonly PortMapping[] => {
    const target = slice.ports?.find((entry) => (entry.name ?? '') === (name ?? ''))?.port;
    return target === undefined ? [] : [{ servicePort: port, targetPort: target }];
  });
  return (slice.endpoints ?? []).flatMap((endpoint) =>
    endpoint.targetRef?.kind === 'Pod'
      ? []
      : endpoint.addresses.flatMap((text): readonly Workload[] => {
          const address = parseIp(text);
          if (address === undefined) return [];
          return [
            {
              uid: `${mesh.clusterId}/discovery.k8s.io/EndpointSlice/${namespace}/${slice.metadata.name}/${address}`,
              name: slice.metadata.name,
              namespace,
              addresses: [address],
              hostname: '',
              network: '',
              tunnelProtocol: 'none',
              trustDomain: mesh.trustDomain,
              serviceAccount: 'default',
              node: endpoint.nodeName ?? '',
              canonicalName: service.metadata.name,
              canonicalRevision: 'latest',
              workloadType: 'pod',
              workloadName: slice.metadata.name,
              nativeTunnel: false,
              authorizationPolicies: [],
              status: endpoint.conditions?.ready === false ? 'unhealthy' : 'healthy',
              clusterId: mesh.clusterId,
              services: new Map([[key, ports]]),
              locality: localityOf(undefined),
              networkMode: 'host',
              capacity: 1,
            },
          ];
        }),
  );
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
  services: readonly ServiceObject[],
  mesh: MeshOptions,
): ReadonlyMap<ServiceKey, readonly PortMapping[]> {
  const result = new Map<ServiceKey, readonly PortMapping[]>();
  for (const service of services) {
    const selector = service.spec?.selector ?? {};
    if (!isMeshService(service) || Object.keys(selector).length === 0) continue;
    if (!selects(selector, pod.metadata.labels)) continue;
    const { namespace = '', name } = service.metadata;
    const ports = (service.spec?.ports ?? []).flatMap((port): readonly PortMapping[] => {
      const target = fixedTarget(port) ?? namedPort(pod, String(port.targetPort), port.protocol);
      return target === undefined ? [] : [{ servicePort: port.port, targetPort: target }];
    });
    result.set(serviceKey(namespace, serviceHostname(namespace, name, mesh)), ports);
  }
  return result;
}

/** The number behind a port name, as this pod's containers declare it. Init containers that keep
 * running count as containers. */
function namedPort(pod: Pod, name: string, protocol = 'TCP'): number | undefined {
  const lasting = (pod.spec?.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  for (const container of [...(pod.spec?.containers ?? []), ...lasting]) {
    for (const port of container.ports ?? []) {
      if (port.name === name && (port.protocol ?? 'TCP') === protocol) return port.containerPort;
    }
  }
  return undefined;
}
