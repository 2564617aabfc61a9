// What is analyzed: the objects of a cluster, of files, or of both, and what names in them lead to. Pure.

import type { Pod, ServiceObject } from '../../controller/kinds/core.ts';
import { isKindName, meshConfigName } from '../../controller/kinds/kinds.ts';
import { type KubernetesObject, selects } from '../../controller/kinds/object.ts';
import type { ServiceEntry } from '../../controller/kinds/service-entry.ts';
import { type ObjectSource, ObjectTables } from '../../controller/objects.ts';
import { hostCovers } from '../../controller/translate/hostnames.ts';
import { type MeshOptions, serviceHostname } from '../../controller/translate/mesh-options.ts';
import { defaultRevision } from '../../controller/translate/scope.ts';
import { type Cidr, parseCidr } from '../../mesh/address.ts';

/** A port of something that can be called. */
export interface CallablePort {
  readonly number: number;
  readonly name: string;
  readonly protocol: string;
}

/** A host that can be called, and what stands behind it. */
export interface Callable {
  readonly host: string;
  readonly namespace: string;
  readonly ports: readonly CallablePort[];
  readonly object: KubernetesObject;
}

/** Everything at one time. */
export interface World {
  readonly mesh: MeshOptions;
  /** As translation reads it. */
  readonly source: ObjectSource;
  readonly objects: readonly KubernetesObject[];
  /** All of a kind, `GROUP/KIND`; the core group is empty. */
  of<T extends KubernetesObject>(kind: string): readonly T[];
  readonly callables: readonly Callable[];
  /** What a full host leads to; wildcards cover many. */
  callable(host: string): Callable | undefined;
  /** Whether pods are known at all: manifests of the mesh alone say nothing of them. */
  readonly knowsPods: boolean;
  /** Pods of a namespace, or of all, with labels; also those that workloads are yet to make. */
  podsWith(
    labels: Readonly<Record<string, string>> | undefined,
    namespace: string | undefined,
  ): readonly Pod[];
}

/** `GROUP/KIND` of an object. */
export function kindOf({
  apiVersion,
  kind,
}: Pick<KubernetesObject, 'apiVersion' | 'kind'>): string {
  return `${apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''}/${kind}`;
}

/** What is common to a mesh; what its cluster does not tell counts as it is by default. */
export function defaultMesh(rootNamespace: string): MeshOptions {
  const range = (text: string): Cidr => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new Error(`no network: ${text}`);
    return cidr;
  };
  return {
    clusterId: 'Kubernetes',
    trustDomain: 'cluster.local',
    clusterDomain: 'cluster.local',
    rootNamespace,
    network: '',
    revisions: [defaultRevision],
    addressRanges: { ipv4: range('240.240.0.0/16'), ipv6: range('2001:2::/48') },
  };
}

/** Groups whose kinds translation may read under their bare names. */
const groupsOfKinds = new Set([
  '',
  'apps',
  'discovery.k8s.io',
  'gateway.networking.k8s.io',
  'networking.istio.io',
  'security.istio.io',
]);

/** Puts objects into order. Later objects replace earlier ones of the same name. */
export function makeWorld(given: readonly KubernetesObject[], mesh: MeshOptions): World {
  const unique = new Map(given.map((one) => [identityOf(one), one]));
  const objects = [...unique.values()];
  const byKind = Map.groupBy(objects, kindOf);
  const of = <T extends KubernetesObject>(kind: string): readonly T[] =>
    (byKind.get(kind) ?? []) as unknown as readonly T[];
  const callables = [
    ...servicesIn(of('/Service'), mesh),
    ...entriesIn(of('networking.istio.io/ServiceEntry')),
  ];
  const exact = new Map(callables.toReversed().map((one) => [one.host, one]));
  const wide = callables.filter(({ host }) => host.startsWith('*'));
  const pods = [
    ...of<Pod>('/Pod'),
    ...workloadKinds.flatMap((kind) => of<Templated>(kind)).map(podOf),
  ];
  return {
    mesh,
    source: tablesOf(objects),
    objects,
    of,
    callables,
    callable: (host) => exact.get(host) ?? wide.find((one) => hostCovers(one.host, host)),
    knowsPods: pods.length > 0,
    podsWith: (labels, namespace) =>
      pods.filter(
        ({ metadata }) =>
          (namespace === undefined || metadata.namespace === namespace) &&
          selects(labels, metadata.labels),
      ),
  };
}

const workloadKinds = ['apps/Deployment', 'apps/DaemonSet', 'apps/StatefulSet'];

type Templated = KubernetesObject<{
  readonly template?: {
    readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
  };
}>;

/** A pod as the workload will make it. */
function podOf({ metadata, spec }: Templated): Pod {
  const { labels = {} } = spec?.template?.metadata ?? {};
  const { name, namespace } = metadata;
  const place = namespace === undefined ? {} : { namespace };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: `${name}-0`, ...place, labels } };
}

/** What tells objects apart. */
export function identityOf(object: KubernetesObject): string {
  const { namespace = '', name } = object.metadata;
  return `${kindOf(object)} ${namespace}/${name}`;
}

function tablesOf(objects: readonly KubernetesObject[]): ObjectSource {
  const tables = new ObjectTables();
  for (const object of objects) {
    const [group = ''] = kindOf(object).split('/');
    const { kind, metadata } = object;
    const isIngress = group === 'networking.istio.io' && kind === 'Gateway';
    if (isKindName(kind) && groupsOfKinds.has(group) && !isIngress) tables.set(kind, object);
    if (kind === 'ConfigMap' && metadata.name === meshConfigName) tables.set('MeshConfig', object);
  }
  return tables;
}

function servicesIn(services: readonly ServiceObject[], mesh: MeshOptions): Callable[] {
  return services.map((object) => {
    const { name, namespace = '' } = object.metadata;
    const ports = (object.spec?.ports ?? []).map(({ port, name: portName = '', appProtocol }) => ({
      number: port,
      name: portName,
      protocol: appProtocol ?? portName,
    }));
    return { host: serviceHostname(namespace, name, mesh), namespace, ports, object };
  });
}

function entriesIn(entries: readonly ServiceEntry[]): Callable[] {
  return entries.flatMap((object) => {
    const { hosts = [], ports = [] } = object.spec ?? {};
    return hosts.map((host) => ({
      host: host.toLowerCase(),
      namespace: object.metadata.namespace ?? '',
      ports: ports.map(({ number, name, protocol = '' }) => ({ number, name, protocol })),
      object,
    }));
  });
}
