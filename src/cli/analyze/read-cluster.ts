// Reads what is to be analyzed from a cluster: every kind by pages, those that are not served or not allowed
// left out by name.

import { type KindPlace, kindPlaces } from '../../controller/kinds/kinds.ts';
import type { KubernetesObject } from '../../controller/kinds/object.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Cluster } from '../cluster.ts';

/** What is needed of a cluster. */
type Finder = Pick<Cluster, 'find'>;

const pageSize = 500;
/** Lists under way at once. */
const maxAtOnce = 4;

interface ListedKind extends Pick<KindPlace, 'group' | 'version' | 'plural'> {
  readonly kind: string;
  readonly clusterWide?: boolean;
}

const networking = { group: 'networking.istio.io', version: 'v1' };
const clusterWide = new Set(['Namespace', 'Node', 'GatewayClass']);

/** Kinds that translation does not read. */
const others: readonly ListedKind[] = [
  { kind: 'StatefulSet', group: 'apps', version: 'v1', plural: 'statefulsets' },
  { kind: 'DaemonSet', group: 'apps', version: 'v1', plural: 'daemonsets' },
  { kind: 'Gateway', ...networking, plural: 'gateways' },
  { kind: 'Sidecar', ...networking, plural: 'sidecars' },
  { kind: 'WorkloadGroup', ...networking, plural: 'workloadgroups' },
  { kind: 'EnvoyFilter', ...networking, version: 'v1alpha3', plural: 'envoyfilters' },
  { kind: 'ProxyConfig', ...networking, version: 'v1beta1', plural: 'proxyconfigs' },
  { kind: 'Telemetry', group: 'telemetry.istio.io', version: 'v1', plural: 'telemetries' },
  { kind: 'WasmPlugin', group: 'extensions.istio.io', version: 'v1alpha1', plural: 'wasmplugins' },
  {
    kind: 'TrafficExtension',
    group: 'extensions.istio.io',
    version: 'v1alpha1',
    plural: 'trafficextensions',
  },
  {
    kind: 'ValidatingWebhookConfiguration',
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    plural: 'validatingwebhookconfigurations',
    clusterWide: true,
  },
  {
    kind: 'CustomResourceDefinition',
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    clusterWide: true,
  },
];

/** Objects of a cluster, and the kinds that could not be read, with the reason. */
export interface ClusterObjects {
  readonly objects: readonly KubernetesObject[];
  readonly unread: readonly string[];
}

/** Reads all kinds; of a single namespace where the caller may not see more. */
export async function readCluster(cluster: Finder, namespace: string): Promise<ClusterObjects> {
  const watched = Object.entries(kindPlaces)
    .filter(([kind]) => kind !== 'MeshConfig')
    .map(
      ([kind, { group, version, plural }]): ListedKind => ({
        kind,
        group,
        version,
        plural,
        clusterWide: clusterWide.has(kind),
      }),
    );
  const waiting = [...watched, ...others];
  const objects: KubernetesObject[] = [];
  const unread: string[] = [];
  const work = async (): Promise<void> => {
    for (let kind = waiting.shift(); kind !== undefined; kind = waiting.shift()) {
      const read = await readKind(cluster, kind, namespace);
      if (typeof read === 'string') unread.push(read);
      else objects.push(...read);
    }
  };
  await Promise.all(Array.from({ length: maxAtOnce }, work));
  return { objects, unread };
}

async function readKind(
  cluster: Finder,
  kind: ListedKind,
  namespace: string,
): Promise<readonly KubernetesObject[] | string> {
  try {
    return await pages(cluster, kind, undefined);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
  if (kind.clusterWide === true) return `${kind.plural} (not allowed)`;
  try {
    return await pages(cluster, kind, namespace);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return `${kind.plural} (not allowed)`;
  }
}

function isForbidden(error: unknown): boolean {
  return (
    error instanceof AmbitError && error.code === 'AMB1804' && / answered 403/.test(error.message)
  );
}

interface Page {
  readonly metadata?: { readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

async function pages(
  cluster: Finder,
  { group, version, plural, kind }: ListedKind,
  namespace: string | undefined,
): Promise<KubernetesObject[]> {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const root = group === '' ? `/api/${version}` : `/apis/${apiVersion}`;
  const place = namespace === undefined ? root : `${root}/namespaces/${namespace}`;
  const objects: KubernetesObject[] = [];
  let next = '';
  do {
    const query = new URLSearchParams({
      limit: String(pageSize),
      ...(next !== '' && { continue: next }),
    });
    // A kind that is not served has no objects.
    const page = (await cluster.find(`${place}/${plural}?${query.toString()}`)) as Page | undefined;
    for (const item of page?.items ?? []) objects.push({ ...item, apiVersion, kind });
    next = page?.metadata?.continue ?? '';
  } while (next !== '');
  return objects;
}
