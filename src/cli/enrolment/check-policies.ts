// NetworkPolicies that let pods talk today, and not through the mesh: between two pods of the mesh the
// connection goes to port 15008 of the server, whatever its port was. Pure.

import type { EnrolmentFacts, NetworkPolicyObject, PodObject } from './facts.ts';
import type { Finding } from './finding.ts';
import { isWaypoint, membershipAfter, nameOf } from './membership.ts';
import {
  byNamespace,
  type Direction,
  letsAddressIn,
  policiesOf,
  verdictOn,
} from './network-policies.ts';
import { networkProbes } from './probes.ts';
import { waypointOf } from './waypoint-in-use.ts';

const tunnelPort = 15_008;
/** Where probes come from once a pod is in the mesh (protocol section 1.2). */
const probeSource = '169.254.7.127';

/** What policies of all kinds will do to the traffic of the namespace. */
export function checkPolicies(facts: EnrolmentFacts): readonly Finding[] {
  return [...tunnelFindings(facts), ...probeFindings(facts), ...otherKinds(facts)];
}

interface Blocked {
  readonly policies: readonly NetworkPolicyObject[];
  readonly direction: Direction;
  readonly server: PodObject;
  readonly client: PodObject;
}

function tunnelFindings(facts: EnrolmentFacts): readonly Finding[] {
  const members = onePerKind(
    facts.pods.filter((pod) => isWaypoint(pod) || membershipAfter(pod, facts).kind === 'member'),
    facts.policies,
  );
  const own = new Set(members.filter(({ metadata }) => metadata.namespace === facts.namespace));
  const policies = byNamespace(facts.policies);
  const selecting = new Map(
    members.map((pod) => [
      pod,
      {
        Ingress: policiesOf(pod, 'Ingress', policies),
        Egress: policiesOf(pod, 'Egress', policies),
      },
    ]),
  );
  const groups = new Map<string, Blocked[]>();
  for (const pod of own) {
    for (const other of members) {
      const isOwn = own.has(other);
      // Pairs within the namespace are met from both of their sides.
      const pairs = isOwn
        ? [[other, pod] as const]
        : ([
            [other, pod],
            [pod, other],
          ] as const);
      for (const [client, server] of pairs) {
        for (const blocked of blockedBetween({ client, server }, selecting, facts)) {
          const key = groupOf(blocked);
          groups.set(key, [...(groups.get(key) ?? []), blocked]);
        }
      }
    }
  }
  return [...groups.values()].map(findingOf);
}

type Selecting = ReadonlyMap<
  PodObject,
  Readonly<Record<Direction, readonly NetworkPolicyObject[]>>
>;

function blockedBetween(
  { client, server }: Pick<Blocked, 'client' | 'server'>,
  selecting: Selecting,
  facts: EnrolmentFacts,
): readonly Blocked[] {
  const sides = [
    { direction: 'Ingress', subject: server, peer: client },
    { direction: 'Egress', subject: client, peer: server },
  ] as const;
  return sides.flatMap((pair) => {
    const policiesHere = selecting.get(pair.subject)?.[pair.direction] ?? [];
    const verdict = verdictOn(pair, tunnelPort, policiesHere, facts.namespaces);
    if (verdict.kind === 'open' || verdict.lets) return [];
    // What no policy lets through today cannot break, unless a waypoint will stand between.
    const isThrough = pair.direction === 'Ingress' && viaWaypoint(client, server, facts);
    const policies = isThrough ? policiesHere.filter(letsSomeIn) : verdict.letting;
    return policies.length === 0 ? [] : [{ policies, direction: pair.direction, server, client }];
  });
}

/** Whether one end is the waypoint of the namespace, and the other in the namespace. */
function viaWaypoint(client: PodObject, server: PodObject, facts: EnrolmentFacts): boolean {
  const { pods } = waypointOf(facts);
  const isOwn = ({ metadata }: PodObject): boolean => metadata.namespace === facts.namespace;
  return (pods.includes(client) && isOwn(server)) || (pods.includes(server) && isOwn(client));
}

/** A pod that nobody may reach today is not to be reached through a waypoint either. */
function letsSomeIn({ spec }: NetworkPolicyObject): boolean {
  return (spec?.ingress ?? []).length > 0;
}

/** Blocked pairs with the same policies and namespaces are one finding. */
function groupOf({ policies, direction, server, client }: Blocked): string {
  const names = policies.map(nameOf).toSorted().join(' ');
  const kind = isWaypoint(client) ? nameOf(client) : client.metadata.namespace;
  return `${direction} ${names} ${server.metadata.namespace} ${kind}`;
}

function findingOf(group: readonly Blocked[]): Finding {
  const [first] = group;
  const { policies = [], direction = 'Ingress', server, client } = first ?? {};
  const [policy] = policies;
  const clients =
    client && isWaypoint(client) ? `waypoint ${nameOf(client)}` : namesOf(group, 'client');
  const way = `${clients} to ${namesOf(group, 'server')}`;
  const side = direction === 'Ingress' ? 'comes in' : 'goes out';
  return {
    code: 'AMB1861',
    severity: 'breaks',
    object: `NetworkPolicy ${policy === undefined ? server?.metadata.namespace : policies.map(nameOf).join(', ')}`,
    message: `between pods of the mesh the traffic from ${way} ${side} on TCP port ${tunnelPort}, which is not among the ports that it lets through`,
  };
}

/** The namespaces of one side, and a pod as an example. */
function namesOf(group: readonly Blocked[], side: 'server' | 'client'): string {
  const pods = [...new Set(group.map((one) => nameOf(one[side])))].toSorted();
  const [first = ''] = pods;
  return pods.length === 1 ? `pod ${first}` : `${pods.length} pods such as ${first}`;
}

/** Pods that policies cannot tell apart are looked at once. */
function onePerKind(
  pods: readonly PodObject[],
  policies: readonly NetworkPolicyObject[],
): readonly PodObject[] {
  const byAddress = JSON.stringify(policies).includes('"ipBlock"');
  const kinds = new Map<string, PodObject>();
  for (const pod of pods) {
    const { namespace, labels = {} } = pod.metadata;
    const sorted = Object.entries(labels)
      .filter(([key]) => !instanceLabels.has(key))
      .toSorted(([one], [other]) => (one < other ? -1 : 1));
    const addresses = byAddress ? pod.status?.podIPs : undefined;
    const key = JSON.stringify([namespace, sorted, addresses, isWaypoint(pod)]);
    if (!kinds.has(key)) kinds.set(key, pod);
  }
  return [...kinds.values()];
}

/** Labels that tell pods of one workload apart. */
const instanceLabels: ReadonlySet<string> = new Set([
  'apps.kubernetes.io/pod-index',
  'statefulset.kubernetes.io/pod-name',
]);

/** Where Cilium enforces policies, probes with the mesh's source address count as traffic from outside. */
function probeFindings(facts: EnrolmentFacts): readonly Finding[] {
  if (!facts.otherPolicies.has('CiliumNetworkPolicy')) return [];
  const policies = byNamespace(facts.policies);
  return facts.pods.flatMap((pod) => {
    if (pod.metadata.namespace !== facts.namespace) return [];
    if (membershipAfter(pod, facts).kind !== 'member') return [];
    const held = networkProbes(pod).filter(
      ({ port }) => !letsAddressIn(pod, probeSource, port, policies),
    );
    if (held.length === 0) return [];
    const ports = [...new Set(held.map(({ port }) => port))].join(', ');
    return [
      {
        code: 'AMB1863',
        severity: 'risk',
        object: `Pod ${nameOf(pod)}`,
        message: `its probes on port ${ports} will come from ${probeSource}, which no NetworkPolicy lets in; Cilium enforces that`,
      },
    ] as const;
  });
}

function otherKinds({ otherPolicies, namespace }: EnrolmentFacts): readonly Finding[] {
  return [...otherPolicies]
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => ({
      code: 'AMB1861',
      severity: 'risk',
      object: `Namespace ${namespace}`,
      message: `${count} ${kind} objects may hold back TCP port ${tunnelPort}; this check does not read that kind`,
    }));
}
