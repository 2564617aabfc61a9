// What of the pods of a namespace stays outside the mesh, or does not get on with it. Pure.

import type { EnrolmentFacts, PodObject } from './facts.ts';
import type { Finding } from './finding.ts';
import { isWaypoint, type Membership, membershipAfter, nameOf } from './membership.ts';
import { networkProbes } from './probes.ts';

/** Ports on which the node proxy listens in every pod (protocol section 1.1). */
const proxyPorts: ReadonlySet<number> = new Set([15_001, 15_006, 15_008, 15_053]);

/** Looks at each pod of the namespace. */
export function checkPods(facts: EnrolmentFacts): readonly Finding[] {
  const own = facts.pods.filter(
    (pod) => pod.metadata.namespace === facts.namespace && !isWaypoint(pod),
  );
  return own.flatMap((pod) => {
    const membership = membershipAfter(pod, facts);
    if (membership.kind === 'outside') return outside(pod, membership.because);
    return [...foreignProxies(pod), ...takenPorts(pod), ...probesElsewhere(pod)];
  });
}

type Because = Extract<Membership, { kind: 'outside' }>['because'];

const outsideWords: Readonly<Record<Because, string | undefined>> = {
  'host-network': 'it uses the network of its node, so it stays outside and its traffic is plain',
  sidecar: 'it has an Istio sidecar, so it stays outside until it is started without one',
  'opted-out': 'its label istio.io/dataplane-mode=none keeps it outside',
  // Told of the namespace, once.
  excluded: undefined,
  ended: undefined,
  unlabelled: undefined,
};

function outside(pod: PodObject, because: Because): readonly Finding[] {
  const message = outsideWords[because];
  if (message === undefined) return [];
  const severity = because === 'sidecar' ? 'risk' : 'note';
  return [{ code: 'AMB1862', severity, object: `Pod ${nameOf(pod)}`, message }];
}

/** Containers by which other meshes redirect the traffic of a pod. */
const foreign: ReadonlyMap<string, string> = new Map([
  ['istio-proxy', 'Istio (injected, without its annotation)'],
  ['istio-init', 'Istio (injected, without its annotation)'],
  ['linkerd-proxy', 'Linkerd'],
  ['linkerd-init', 'Linkerd'],
  ['consul-dataplane', 'Consul'],
  ['consul-connect-inject-init', 'Consul'],
  ['kuma-sidecar', 'Kuma'],
  ['kuma-init', 'Kuma'],
  ['osm-init', 'Open Service Mesh'],
]);

function foreignProxies(pod: PodObject): readonly Finding[] {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const found = containers.find(({ name }) => foreign.has(name));
  if (found === undefined) return [];
  return [
    {
      code: 'AMB1865',
      severity: 'breaks',
      object: `Pod ${nameOf(pod)}`,
      message: `its container ${found.name} is that of ${foreign.get(found.name)}, whose rules redirect the same traffic`,
    },
  ];
}

function takenPorts(pod: PodObject): readonly Finding[] {
  const declared = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) =>
    ports.map(({ containerPort }) => containerPort),
  );
  const probed = networkProbes(pod).map(({ port }) => port);
  const taken = [...new Set([...declared, ...probed])].filter((port) => proxyPorts.has(port));
  if (taken.length === 0) return [];
  return [
    {
      code: 'AMB1866',
      severity: 'breaks',
      object: `Pod ${nameOf(pod)}`,
      message: `it uses port ${taken.join(', ')}, which the node proxy takes in every pod of the mesh`,
    },
  ];
}

/** Probes to the pod's own address are exempt, from the kubelet's user; those to another address are not. */
function probesElsewhere(pod: PodObject): readonly Finding[] {
  const own = new Set([
    '127.0.0.1',
    'localhost',
    '::1',
    ...(pod.status?.podIPs ?? []).map(({ ip }) => ip),
  ]);
  return networkProbes(pod)
    .filter(({ host }) => host !== undefined && !own.has(host))
    .map(({ container, kind, host, port }) => ({
      code: 'AMB1863',
      severity: 'risk',
      object: `Pod ${nameOf(pod)}`,
      message: `${kind} of container ${container} asks ${host} port ${port} and not the pod; if that is in the mesh, it is a client from outside there`,
    }));
}
