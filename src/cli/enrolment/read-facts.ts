// Reads from a cluster what the check of an enrolment looks at.

import { AmbitError } from '../../runtime/errors.ts';
import type { Cluster, ClusterObject } from '../cluster.ts';
import { isProxy } from '../proxies.ts';
import type {
  Container,
  EnrolmentFacts,
  Labels,
  LiveConnections,
  NetworkPolicyObject,
  PeerAuthenticationObject,
  PodObject,
  ServiceObject,
} from './facts.ts';
import { hasJoined } from './joining.ts';

/** Node proxies that are asked for connections; of more than these, some only. */
const maxAsked = 100;
const pageSize = 500;

/** Policies of network plugins, which are counted and not read. */
const otherPolicies: readonly (readonly [string, string])[] = [
  ['CiliumNetworkPolicy', '/apis/cilium.io/v2/ciliumnetworkpolicies'],
  ['CiliumClusterwideNetworkPolicy', '/apis/cilium.io/v2/ciliumclusterwidenetworkpolicies'],
  ['Calico NetworkPolicy', '/apis/crd.projectcalico.org/v1/networkpolicies'],
  ['Calico GlobalNetworkPolicy', '/apis/crd.projectcalico.org/v1/globalnetworkpolicies'],
  ['AdminNetworkPolicy', '/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies'],
  [
    'BaselineAdminNetworkPolicy',
    '/apis/policy.networking.k8s.io/v1alpha1/baselineadminnetworkpolicies',
  ],
];

/** Reads everything. @throws AmbitError AMB1860 when there is no such namespace, AMB1804 */
export async function readFacts(
  cluster: Cluster,
  namespace: string,
  meshNamespace: string,
): Promise<EnrolmentFacts> {
  const [spaces, pods, services, policies, peerAuthentications, others, excluded] =
    await Promise.all([
      listed<ClusterObject>(cluster, '/api/v1/namespaces'),
      listed<PodObject>(cluster, '/api/v1/pods', slimPod),
      listed<ServiceObject>(cluster, `/api/v1/namespaces/${namespace}/services`),
      listed<NetworkPolicyObject>(cluster, '/apis/networking.k8s.io/v1/networkpolicies'),
      listed<PeerAuthenticationObject>(cluster, '/apis/security.istio.io/v1/peerauthentications'),
      countOthers(cluster, namespace),
      excludedNamespaces(cluster, meshNamespace),
    ]);
  const namespaces = new Map<string, Labels>(
    spaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]),
  );
  if (!namespaces.has(namespace)) {
    throw new AmbitError('AMB1860', 'there is no such namespace', {
      object: `Namespace ${namespace}`,
    });
  }
  const connections = await liveConnections(cluster, namespace, meshNamespace, pods);
  return {
    namespace,
    namespaces,
    meshNamespace,
    pods,
    services,
    policies,
    otherPolicies: others,
    peerAuthentications,
    excluded,
    connections,
  };
}

interface Page<T> {
  readonly items?: readonly T[];
  readonly metadata?: { readonly continue?: string };
}

/** A collection, page by page, of each object what is wanted; empty where the server does not have it. */
async function listed<T>(
  cluster: Cluster,
  path: string,
  wanted: (object: T) => T = (object) => object,
): Promise<readonly T[]> {
  const objects: T[] = [];
  let next = '';
  do {
    const from = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
    const page = (await cluster.find(`${path}?limit=${pageSize}${from}`)) as Page<T> | undefined;
    objects.push(...(page?.items ?? []).map(wanted));
    next = page?.metadata?.continue ?? '';
  } while (next !== '');
  return objects;
}

/** The pods of a large cluster would not fit into memory as a whole. */
function slimPod({ metadata, spec, status }: PodObject): PodObject {
  const { name, namespace, labels, annotations } = metadata;
  const slim = (list: readonly Container[] = []): readonly Container[] =>
    list.map(({ name: own, ports, livenessProbe, readinessProbe, startupProbe }) => ({
      name: own,
      ...(ports && { ports }),
      ...(livenessProbe && { livenessProbe }),
      ...(readinessProbe && { readinessProbe }),
      ...(startupProbe && { startupProbe }),
    }));
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
    },
    spec: {
      ...(spec?.hostNetwork === true && { hostNetwork: true }),
      ...(spec?.nodeName !== undefined && { nodeName: spec.nodeName }),
      containers: slim(spec?.containers),
      initContainers: slim(spec?.initContainers),
    },
    status: {
      ...(status?.phase !== undefined && { phase: status.phase }),
      podIPs: status?.podIPs ?? [],
      conditions: (status?.conditions ?? []).filter(({ type }) => type === 'Ready'),
    },
  };
}

/** Those that may concern the namespace: its own, and those without one. */
async function countOthers(
  cluster: Cluster,
  namespace: string,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const [kind, path] of otherPolicies) {
    const list = (await cluster.find(path)) as
      | { readonly items?: readonly ClusterObject[] }
      | undefined;
    if (list === undefined) continue;
    const concerned = (list.items ?? []).filter(
      ({ metadata }) => metadata.namespace === undefined || metadata.namespace === namespace,
    );
    counts.set(kind, concerned.length);
  }
  return counts;
}

interface AgentSet {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

/** What the node agents were told; kube-system, their default, where they cannot be found. */
async function excludedNamespaces(
  cluster: Cluster,
  meshNamespace: string,
): Promise<ReadonlySet<string>> {
  const path = `/apis/apps/v1/namespaces/${meshNamespace}/daemonsets/istio-cni-node`;
  const set = (await cluster.find(path)) as AgentSet | undefined;
  const containers = set?.spec?.template?.spec?.containers ?? [];
  const told = containers
    .flatMap(({ env = [] }) => env)
    .find(({ name }) => name === 'EXCLUDE_NAMESPACES');
  const names = (told?.value ?? 'kube-system').split(',').map((name) => name.trim());
  return new Set(names.filter((name) => name !== ''));
}

interface Dump {
  readonly workloadState?: Readonly<Record<string, { readonly connections?: DumpedConnections }>>;
}

interface DumpedConnections {
  readonly inbound?: readonly DumpedConnection[];
  readonly outbound?: readonly DumpedConnection[];
}

interface DumpedConnection {
  readonly src?: string;
  readonly actualDst?: string;
}

/** Asks every node proxy for connections with a pod at one end that is still to join. */
async function liveConnections(
  cluster: Cluster,
  namespace: string,
  meshNamespace: string,
  pods: readonly PodObject[],
): Promise<LiveConnections> {
  const addresses = new Set(
    pods
      .filter((pod) => pod.metadata.namespace === namespace && !pod.spec?.hostNetwork)
      .filter((pod) => !hasJoined(pod))
      .flatMap(({ status }) => status?.podIPs ?? [])
      .map(({ ip }) => ip),
  );
  const proxies = pods.filter(
    (pod) =>
      pod.metadata.namespace === meshNamespace && isProxy(pod) && pod.status?.phase === 'Running',
  );
  const silent = proxies.slice(maxAsked).map(({ metadata }) => metadata.name);
  const counts = proxies.slice(0, maxAsked).map(async (pod) => {
    try {
      return countIn((await cluster.podAdmin(pod, '/config_dump')) as Dump, addresses);
    } catch {
      silent.push(pod.metadata.name); // told with the figure, which it makes a lower bound
      return 0;
    }
  });
  const known = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  return { known, silent };
}

function countIn({ workloadState = {} }: Dump, addresses: ReadonlySet<string>): number {
  const isOwn = (endpoint = ''): boolean =>
    addresses.has(endpoint.slice(0, endpoint.lastIndexOf(':')).replaceAll(/[[\]]/g, ''));
  return Object.values(workloadState)
    .flatMap(({ connections }) => [
      ...(connections?.inbound ?? []),
      ...(connections?.outbound ?? []),
    ])
    .filter(({ src, actualDst }) => isOwn(src) || isOwn(actualDst)).length;
}
