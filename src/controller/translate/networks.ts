// Networks of a mesh that has several, and the gateways that lead to those of others (protocol section
// 4.7).

import { parseIp } from '../../mesh/address.ts';
import type { GatewayAddress, Workload } from '../../mesh/workload.ts';
import type { Gateway } from '../kinds/gateway.ts';
import { byAge, type KubernetesObject } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import type { MeshOptions } from './mesh-options.ts';

/** Names the network of a namespace, pod, endpoint or gateway. */
const networkLabel = 'topology.istio.io/network';
/** Names the account that a gateway of another network proves to be. */
const accountAnnotation = 'gateway.istio.io/service-account';
/** The class of Gateways that stand for one elsewhere: nothing runs for them here. */
export const remoteClass = 'istio-remote';

/** The network that the mesh's own workloads are on, empty in a mesh of one network. */
export function ownNetwork(objects: ObjectSource, rootNamespace: string): string {
  return networkOf(objects.get('Namespace', undefined, rootNamespace)) ?? '';
}

/** The network that an object says it is on, if it says so. */
export function networkOf(object: KubernetesObject | undefined): string | undefined {
  return object?.metadata.labels?.[networkLabel];
}

/** Whether a Gateway tells where another network is entered. */
export function leadsToNetwork(gateway: Gateway): boolean {
  return gateway.spec?.gatewayClassName === remoteClass && networkOf(gateway) !== undefined;
}

/** The gateways of other networks. */
export interface NetworkGateways {
  /** By network: the one of the oldest object. */
  readonly addresses: ReadonlyMap<string, GatewayAddress>;
  readonly workloads: readonly Workload[];
}

/** Collects the gateways of all networks but the own. */
export function collectNetworkGateways(objects: ObjectSource, mesh: MeshOptions): NetworkGateways {
  const addresses = new Map<string, GatewayAddress>();
  const workloads: Workload[] = [];
  for (const gateway of objects.list('Gateway').toSorted(byAge)) {
    const network = networkOf(gateway);
    if (network === undefined || network === mesh.network) continue;
    const port = gateway.spec?.listeners?.find(({ protocol }) => protocol === 'HBONE')?.port;
    if (port === undefined) continue;
    for (const text of placesOf(gateway)) {
      const address = parseIp(text);
      workloads.push(workloadOf(gateway, { network, text, port }, mesh));
      if (address === undefined || addresses.has(network)) continue;
      addresses.set(network, {
        destination: { kind: 'address', network, address },
        hbonePort: port,
      });
    }
  }
  return { addresses, workloads };
}

/** What the status says; for a gateway elsewhere, what its author says. */
function placesOf({ spec, status }: Gateway): string[] {
  const known = status?.addresses ?? [];
  return (known.length > 0 ? known : (spec?.addresses ?? [])).map(({ value }) => value);
}

function workloadOf(
  { metadata }: Gateway,
  place: { readonly network: string; readonly text: string; readonly port: number },
  mesh: MeshOptions,
): Workload {
  const { network, text, port } = place;
  const address = parseIp(text);
  const uid = `NetworkGateway/${network}/${text}/${port}`;
  return {
    uid,
    name: uid,
    namespace: metadata.namespace ?? '',
    addresses: address === undefined ? [] : [address],
    hostname: address === undefined ? text.toLowerCase() : '',
    network,
    tunnelProtocol: 'none',
    trustDomain: mesh.trustDomain,
    serviceAccount: metadata.annotations?.[accountAnnotation] ?? metadata.name,
    node: '',
    canonicalName: metadata.name,
    canonicalRevision: 'latest',
    workloadType: 'pod',
    workloadName: metadata.name,
    nativeTunnel: false,
    authorizationPolicies: [],
    status: 'healthy',
    clusterId: mesh.clusterId,
    services: new Map(),
    locality: { region: '', zone: '', subzone: '' },
    networkMode: 'standard',
    capacity: 1,
  };
}
