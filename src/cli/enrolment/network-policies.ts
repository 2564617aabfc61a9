// What NetworkPolicies (networking.k8s.io/v1) let through between two pods. Pure.

import { cidrContains, parseCidr, parseIp } from '../../mesh/address.ts';
import { selectorMatches } from '../../standalone/api/selectors/label-selector.ts';
import type {
  Labels,
  NetworkPolicyObject,
  PodObject,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from './facts.ts';

export type Direction = 'Ingress' | 'Egress';

/** Whom a connection is between: `subject` is the pod whose policies are asked, `peer` the other end. */
export interface Pair {
  readonly subject: PodObject;
  readonly peer: PodObject;
  readonly direction: Direction;
}

/** What the policies of the subject say of the pair. */
export type PairVerdict =
  /** No policy selects the subject for this direction. */
  | { readonly kind: 'open' }
  | {
      readonly kind: 'isolated';
      /** Whether TCP to the asked port is let through. */
      readonly lets: boolean;
      /** The policies that let some TCP port through between the two, if not the asked one. */
      readonly letting: readonly NetworkPolicyObject[];
    };

/** The policies of each namespace. */
export type PoliciesByNamespace = ReadonlyMap<string, readonly NetworkPolicyObject[]>;

/** Groups policies, so that those of one pod are found among few. */
export function byNamespace(policies: readonly NetworkPolicyObject[]): PoliciesByNamespace {
  return Map.groupBy(policies, ({ metadata }) => metadata.namespace ?? '');
}

/** The policies that select a pod for a direction. */
export function policiesOf(
  { metadata }: PodObject,
  direction: Direction,
  policies: PoliciesByNamespace,
): readonly NetworkPolicyObject[] {
  return (policies.get(metadata.namespace ?? '') ?? []).filter(
    (policy) =>
      directionsOf(policy).includes(direction) &&
      selectorMatches(policy.spec?.podSelector, metadata.labels ?? {}),
  );
}

/** As the API server defaults it: ingress always, egress where there are rules for it. */
function directionsOf({ spec }: NetworkPolicyObject): readonly string[] {
  return spec?.policyTypes ?? (spec?.egress === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
}

/** Asks about one TCP port of whichever of the two is the server.
 * @param selecting the policies of the subject for the direction */
export function verdictOn(
  pair: Pair,
  port: number,
  selecting: readonly NetworkPolicyObject[],
  namespaces: ReadonlyMap<string, Labels>,
): PairVerdict {
  const { subject, peer, direction } = pair;
  if (selecting.length === 0) return { kind: 'open' };
  const server = direction === 'Ingress' ? subject : peer;
  const matching = selecting.flatMap((policy) =>
    rulesOf(policy, direction)
      .filter((rule) => matchesPeer(rule, pair, namespaces))
      .map((rule) => ({ policy, ports: rule.ports ?? [] })),
  );
  const lets = matching.some(
    ({ ports }) => ports.length === 0 || ports.some((one) => includes(one, port, server)),
  );
  const letting = matching.filter(({ ports }) => ports.length === 0 || ports.some(isTcp));
  return {
    kind: 'isolated',
    lets,
    letting: [...new Set(letting.map(({ policy }) => policy))],
  };
}

/** Whether the subject's policies let an address in that is no pod's. */
export function letsAddressIn(
  subject: PodObject,
  address: string,
  port: number,
  policies: PoliciesByNamespace,
): boolean {
  const selecting = policiesOf(subject, 'Ingress', policies);
  if (selecting.length === 0) return true;
  return selecting
    .flatMap((policy) => rulesOf(policy, 'Ingress'))
    .some(
      ({ from = [], ports = [] }) =>
        (from.length === 0 || from.some(({ ipBlock }) => ipBlock && isWithin(ipBlock, address))) &&
        (ports.length === 0 || ports.some((one) => includes(one, port, subject))),
    );
}

function rulesOf({ spec }: NetworkPolicyObject, direction: Direction): readonly PolicyRule[] {
  return (direction === 'Ingress' ? spec?.ingress : spec?.egress) ?? [];
}

function matchesPeer(
  rule: PolicyRule,
  { subject, peer, direction }: Pair,
  namespaces: ReadonlyMap<string, Labels>,
): boolean {
  const peers = (direction === 'Ingress' ? rule.from : rule.to) ?? [];
  const own = subject.metadata.namespace ?? '';
  return peers.length === 0 || peers.some((one) => isPeer(one, own, peer, namespaces));
}

function isPeer(
  { podSelector, namespaceSelector, ipBlock }: PolicyPeer,
  own: string,
  { metadata, status }: PodObject,
  namespaces: ReadonlyMap<string, Labels>,
): boolean {
  if (ipBlock !== undefined) return (status?.podIPs ?? []).some(({ ip }) => isWithin(ipBlock, ip));
  const namespace = metadata.namespace ?? '';
  const inNamespace =
    namespaceSelector === undefined
      ? namespace === own
      : selectorMatches(namespaceSelector, namespaces.get(namespace) ?? {});
  return inNamespace && selectorMatches(podSelector ?? {}, metadata.labels ?? {});
}

function isWithin(
  { cidr, except = [] }: NonNullable<PolicyPeer['ipBlock']>,
  text: string,
): boolean {
  const address = parseIp(text);
  const holds = (block: string): boolean => {
    const parsed = parseCidr(block);
    return parsed !== undefined && address !== undefined && cidrContains(parsed, address);
  };
  return holds(cidr) && !except.some(holds);
}

function isTcp({ protocol = 'TCP' }: PolicyPort): boolean {
  return protocol === 'TCP';
}

function includes(wanted: PolicyPort, port: number, server: PodObject): boolean {
  if (!isTcp(wanted)) return false;
  const { port: from, endPort } = wanted;
  if (from === undefined) return true;
  if (typeof from === 'number') return port >= from && port <= (endPort ?? from);
  const containers = server.spec?.containers ?? [];
  return containers
    .flatMap(({ ports = [] }) => ports)
    .some((one) => one.name === from && one.containerPort === port);
}
