// Reads from a cluster what `ambit status` judges.

import { systemClock } from '../../runtime/clock.ts';
import { ownVersion } from '../../runtime/version.ts';
import { silences } from '../ask-all.ts';
import type { Cluster, ClusterObject } from '../cluster.ts';
import { type ConnectedProxy, connectedProxies } from '../control-plane.ts';
import { controllerVersions, type Versions, versionsOf } from '../versions.ts';
import type { ClusterFacts, StatusObject } from './objects.ts';

/** What users configure, by kind. */
const configurationPaths: Readonly<Record<string, string>> = {
  Gateway: '/apis/gateway.networking.k8s.io/v1/gateways',
  Service: '/api/v1/services',
  HTTPRoute: '/apis/gateway.networking.k8s.io/v1/httproutes',
  GRPCRoute: '/apis/gateway.networking.k8s.io/v1/grpcroutes',
  TCPRoute: '/apis/gateway.networking.k8s.io/v1alpha2/tcproutes',
  TLSRoute: '/apis/gateway.networking.k8s.io/v1alpha2/tlsroutes',
  VirtualService: '/apis/networking.istio.io/v1/virtualservices',
  DestinationRule: '/apis/networking.istio.io/v1/destinationrules',
  ServiceEntry: '/apis/networking.istio.io/v1/serviceentries',
  WorkloadEntry: '/apis/networking.istio.io/v1/workloadentries',
  AuthorizationPolicy: '/apis/security.istio.io/v1/authorizationpolicies',
  PeerAuthentication: '/apis/security.istio.io/v1/peerauthentications',
  RequestAuthentication: '/apis/security.istio.io/v1/requestauthentications',
};

/** The objects. Kinds that the cluster does not know are left out. @throws AmbitError AMB1804 */
export async function collectFacts(cluster: Cluster, namespace: string): Promise<ClusterFacts> {
  const list = async (path: string): Promise<readonly StatusObject[]> =>
    asStatusObjects(await cluster.list(path));
  const kinds = Object.entries(configurationPaths).map(async ([kind, path]) => {
    const objects = await cluster.listIfServed(path);
    return [kind, asStatusObjects(objects ?? [])] as const;
  });
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const [nodes, namespaces, pods, deployments, daemonSets, leases, configuration] =
    await Promise.all([
      list('/api/v1/nodes'),
      list('/api/v1/namespaces'),
      list('/api/v1/pods'),
      list(`${apps}/deployments`),
      list(`${apps}/daemonsets`),
      list(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`),
      Promise.all(kinds),
    ]);
  return {
    server: cluster.address,
    namespace,
    nodes,
    namespaces,
    pods,
    deployments,
    daemonSets,
    leases,
    configuration: new Map(configuration),
    nowMs: systemClock.now(),
  };
}

/** Every object has the fields that are read of it, if any at all: each is looked at with care. */
function asStatusObjects(objects: readonly ClusterObject[]): readonly StatusObject[] {
  return objects as readonly object[] as readonly StatusObject[];
}

/** What the controller's replicas tell. */
export interface Told {
  readonly versions: Versions;
  readonly proxies: readonly ConnectedProxy[];
  /** Of replicas that did not answer. */
  readonly silences: readonly string[];
}

/** Asks the replicas that run. */
export async function askControllers(cluster: Cluster, facts: ClusterFacts): Promise<Told> {
  const pods = facts.pods.filter(
    ({ metadata, status }) =>
      metadata.namespace === facts.namespace &&
      metadata.labels?.['app'] === 'istiod' &&
      status?.['phase'] === 'Running',
  ) as readonly object[] as readonly ClusterObject[];
  const [replicas, proxies] = await Promise.all([
    controllerVersions(cluster, pods),
    connectedProxies(cluster, pods),
  ]);
  const connected = proxies.flatMap((reply) => (reply.kind === 'answer' ? reply.answer : []));
  return {
    versions: versionsOf(ownVersion(), replicas, connected),
    proxies: connected,
    silences: [...new Set([...silences(replicas), ...silences(proxies)])],
  };
}
