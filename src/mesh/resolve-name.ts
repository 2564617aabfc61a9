// What a name means to a pod: the addresses of a service, nothing, or somebody else's business (protocol
// sections 8.2 and 8.3). Beyond those: single pods of headless services by their own names.

import { type IpAddress, isV6 } from './address.ts';
import type { MeshView, ServiceEndpoint } from './mesh-view.ts';
import { keyOfService, type Service } from './service.ts';
import type { Workload } from './workload.ts';

/** The lookups that names need. */
export interface NameView extends Pick<MeshView, 'endpointsOf'> {
  /** All services of a host name, of any namespace, seen by everybody or not. Lower case. */
  servicesByHostname(hostname: string): Iterable<Service>;
}

/** What is asked. */
export interface NameQuestion {
  /** Lower case, without the root. */
  readonly labels: readonly string[];
  /** Only addresses are answered; any other record type is not the mesh's. */
  readonly type: 'a' | 'aaaa' | 'other';
}

/** Who asks, and what the node's operator chose. */
export interface NameFacts {
  readonly client: Workload;
  /** Of the cluster, such as `cluster.local`. */
  readonly domain: string;
  /** Off, no IPv6 address is answered. */
  readonly ipv6: boolean;
  /** Tie-break between namespaces other than the client's. */
  readonly preferredNamespace?: string;
  /** Numbers in [0, 1). */
  readonly random: () => number;
}

/** The answer, with its reason as a sentence part. */
export type NameAnswer =
  | {
      readonly kind: 'addresses';
      readonly addresses: readonly IpAddress[];
      /** Stands for the name asked: an alias record goes first, and the addresses are of this name. */
      readonly canonicalName?: readonly string[];
      readonly service: Service;
      readonly reason: string;
    }
  /** The name exists and has no such address. */
  | { readonly kind: 'empty'; readonly service: Service; readonly reason: string }
  | { readonly kind: 'forward'; readonly reason: string };

/** A way to read a name. */
interface Alias {
  readonly labels: readonly string[];
  /** What was left of the name after a search domain was taken off. */
  readonly stripped?: readonly string[];
}

interface Found {
  readonly service: Service;
  readonly alias: Alias;
  readonly wildcard: boolean;
  /** Only this endpoint was named. */
  readonly endpoint?: Workload;
}

/** Answers a question. */
export function resolveName(view: NameView, question: NameQuestion, facts: NameFacts): NameAnswer {
  const { labels, type } = question;
  if (type === 'other') return { kind: 'forward', reason: 'only addresses are answered here' };
  // Joined with others such a label would read as several.
  if (labels.length === 0 || labels.some((label) => label.includes('.'))) {
    return { kind: 'forward', reason: 'not the name of a host' };
  }
  const found = find(view, labels, facts);
  if (found === undefined) return { kind: 'forward', reason: 'no service of the mesh' };
  return answer(view, type, found, facts);
}

function answer(view: NameView, type: 'a' | 'aaaa', found: Found, facts: NameFacts): NameAnswer {
  const { service, alias, wildcard, endpoint } = found;
  const empty = (reason: string): NameAnswer => ({ kind: 'empty', service, reason });
  const wantsV6 = type === 'aaaa';
  const key = keyOfService(service);
  const familyName = wantsV6 ? 'IPv6' : 'IPv4';
  if (wantsV6 && !facts.ipv6) return empty('IPv6 is off on this node');
  if (service.ipFamilies === (wantsV6 ? 'ipv4' : 'ipv6')) {
    return empty(`${key} is declared without ${familyName}`);
  }
  const fits = (address: IpAddress): boolean => isV6(address) === wantsV6;
  const virtual = virtualAddresses(service);
  const onePerEndpoint = (workloads: readonly Workload[]): IpAddress[] =>
    workloads.flatMap(({ addresses }) => addresses.find(fits) ?? []);
  const addresses =
    endpoint === undefined && virtual.length > 0
      ? virtual
          .filter(({ network }) => network === facts.client.network)
          .map(({ address }) => address)
          .filter(fits)
      : onePerEndpoint(endpoint === undefined ? usableEndpoints(view, service, facts) : [endpoint]);
  if (addresses.length === 0) return empty(`${key} has no ${familyName} address here`);
  const canonicalName = wildcard ? undefined : alias.stripped;
  return {
    kind: 'addresses',
    addresses: shuffled([...new Set(addresses)], facts.random),
    ...(canonicalName !== undefined && { canonicalName }),
    service,
    reason: endpoint === undefined ? key : `${endpoint.name} of ${key}`,
  };
}

function find(view: NameView, labels: readonly string[], facts: NameFacts): Found | undefined {
  for (const alias of aliasesOf(labels, facts)) {
    const exact = preferred(view, alias.labels, facts);
    if (exact !== undefined) return { service: exact, alias, wildcard: false };
    const single = findPod(view, alias, facts);
    if (single !== undefined) return single;
    for (let from = 1; from < alias.labels.length; from++) {
      const service = preferred(view, ['*', ...alias.labels.slice(from)], facts);
      if (service !== undefined) return { service, alias, wildcard: true };
    }
  }
  return undefined;
}

/** `POD.SERVICE`, as pods of a StatefulSet are named. Pods that carry another host name are unknown here
 * by it, so what is not found is left to the cluster's own name server. */
function findPod(view: NameView, alias: Alias, facts: NameFacts): Found | undefined {
  const [podName, ...rest] = alias.labels;
  if (rest.length < 2) return undefined;
  const service = preferred(view, rest, facts);
  if (service === undefined || virtualAddresses(service).length > 0) return undefined;
  const endpoint = usableEndpoints(view, service, facts).find(({ name }) => name === podName);
  return endpoint && { service, alias, wildcard: false, endpoint };
}

/** The readings of a name in order, each once. */
function aliasesOf(labels: readonly string[], facts: NameFacts): Alias[] {
  const { namespace } = facts.client;
  const domain = facts.domain.split('.');
  const aliases = new Map<string, Alias>();
  const add = (name: readonly string[], stripped?: readonly string[]): void => {
    const key = name.join('.');
    if (!aliases.has(key)) aliases.set(key, { labels: name, ...(stripped && { stripped }) });
  };
  for (const name of [labels, ...expansions(labels, namespace, domain)]) add(name);
  for (const searched of [[namespace, 'svc', ...domain], ['svc', ...domain], domain]) {
    if (labels.length <= searched.length || !endsWith(labels, searched)) continue;
    const stripped = labels.slice(0, -searched.length);
    for (const name of [stripped, ...expansions(stripped, namespace, domain)]) add(name, stripped);
  }
  return [...aliases.values()];
}

/** What Kubernetes' short names stand for. */
function expansions(
  labels: readonly string[],
  namespace: string,
  domain: readonly string[],
): string[][] {
  const endsInSvc = labels.at(-1) === 'svc';
  const inNamespace = [...labels, namespace, 'svc', ...domain];
  const asService = [...labels, 'svc', ...domain];
  const inDomain = [...labels, ...domain];
  switch (labels.length) {
    case 1:
      return [inNamespace];
    case 2:
      return [asService, inNamespace];
    case 3:
      return endsInSvc ? [inDomain, asService] : [asService];
    case 4:
      return endsInSvc ? [inDomain] : [];
    default:
      return [];
  }
}

/** The service that a client means by a host name: the one of its own namespace, the canonical one, that
 * of the operator's namespace, the first. */
function preferred(
  view: NameView,
  labels: readonly string[],
  { client, domain, preferredNamespace }: NameFacts,
): Service | undefined {
  let found: Service | undefined;
  let best = -1;
  for (const service of view.servicesByHostname(labels.join('.'))) {
    const own = service.namespace === client.namespace;
    const isCandidate =
      virtualAddresses(service).length > 0 || service.hostname.endsWith(`.svc.${domain}`);
    if (!isCandidate || (!own && service.visibility !== 'public')) continue;
    const rank =
      (own ? 4 : 0) +
      (service.canonical ? 2 : 0) +
      (service.namespace === preferredNamespace ? 1 : 0);
    if (rank > best) {
      best = rank;
      found = service;
    }
  }
  return found;
}

/** Networks are for routing: there is no one address to answer. */
function virtualAddresses(service: Service): Service['addresses'] {
  return service.addresses.filter(({ length }) => length === undefined);
}

/** An address of another network would lead elsewhere, if anywhere. */
function usableEndpoints(view: NameView, service: Service, { client }: NameFacts): Workload[] {
  const anyHealth = service.loadBalancing?.healthPolicy === 'allow-all';
  const isUsable = ({ workload }: ServiceEndpoint): boolean =>
    (anyHealth || workload.status === 'healthy') && workload.network === client.network;
  return view
    .endpointsOf(keyOfService(service))
    .filter(isUsable)
    .map(({ workload }) => workload);
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.toSorted((left, right) => left.key - right.key).map(({ item }) => item);
}

function endsWith(labels: readonly string[], suffix: readonly string[]): boolean {
  const start = labels.length - suffix.length;
  return suffix.every((label, index) => labels[start + index] === label);
}
