// What the cluster's names mean: a pure function of a question and the services there are. Follows the
// Kubernetes specification "DNS-Based Service Discovery", version 1.1.

import {
  type DnsRecord,
  type Question,
  type RecordBody,
  type Response,
  recordTypes,
  responseCodes,
} from '../../wire/dns/message.ts';
import { type Labels, parseName } from '../../wire/dns/name.ts';
import { clusterDomain } from '../network/address-plan.ts';
import type { Services } from '../network/services/service-table.ts';
import type { EndpointView, ServiceView } from '../network/services/service-view.ts';
import { addressOfReverseName, isOwnAddress } from './reverse-name.ts';

/** Records are short-lived, since endpoints change. */
export const ttlSeconds = 5;
const schemaVersion = '1.1.0';
const zone: Labels = clusterDomain.split('.');

/** What to do with a question. */
export type ZoneAnswer =
  | { readonly kind: 'response'; readonly response: Response }
  /** The name stands for another one, whose records belong into the answer too. */
  | { readonly kind: 'alias'; readonly record: DnsRecord; readonly target: Labels }
  /** Not a name of the cluster. */
  | { readonly kind: 'outside' };

/** What a name of the cluster has; undefined when there is no such name. */
type Found = readonly DnsRecord[] | undefined;

/** Answers a question. `shuffle` orders the addresses of a headless service. */
export function answerFromCluster(
  question: Question,
  services: Services,
  shuffle: <T>(items: readonly T[]) => readonly T[],
): ZoneAnswer {
  const { name } = question;
  const address = addressOfReverseName(name);
  if (address !== undefined) {
    if (!isOwnAddress(address)) return { kind: 'outside' };
    return respond(question, name, pointers(name, address, services));
  }
  if (!endsWith(name, zone)) return { kind: 'outside' };
  const inner = name.slice(0, -zone.length);
  const external = externalOf(inner, services);
  if (external !== undefined) {
    const record = make(name, { type: 'CNAME', target: external });
    if (question.type === recordTypes.CNAME) return respond(question, zone, [record]);
    return { kind: 'alias', record, target: external };
  }
  const found = lookUp(name, inner, services);
  const related = (target: Labels): Found =>
    lookUp(target, target.slice(0, -zone.length), services);
  return respond(question, zone, found === undefined ? undefined : shuffle(found), related);
}

function respond(
  question: Question,
  apex: Labels,
  found: Found,
  related: (target: Labels) => Found = () => [],
): ZoneAnswer {
  const answers = (found ?? []).filter(({ body }) => matches(question.type, body));
  const additional = answers.flatMap(({ body }) =>
    body.type === 'SRV' ? (related(body.target) ?? []).filter(isAddress) : [],
  );
  const soa = make(apex, { type: 'SOA', zone: apex, negativeTtl: ttlSeconds });
  return {
    kind: 'response',
    response: {
      code: found === undefined ? responseCodes.nameError : responseCodes.noError,
      authoritative: true,
      answers,
      authority: answers.length === 0 ? [soa] : [],
      additional,
    },
  };
}

function lookUp(name: Labels, inner: Labels, services: Services): Found {
  const [category, namespace, ...rest] = inner.toReversed();
  if (category === undefined) return [make(name, { type: 'SOA', zone, negativeTtl: ttlSeconds })];
  if (category === 'dns-version' && inner.length === 1) {
    return [make(name, { type: 'TXT', text: schemaVersion })];
  }
  if (category === 'pod') return podRecords(name, namespace, rest);
  if (category !== 'svc') return undefined;
  if (namespace === undefined) return [];
  const [service, ...below] = rest;
  if (service === undefined) {
    return [...services.all()].some((one) => one.namespace === namespace) ? [] : undefined;
  }
  const view = services.byKey(`${namespace}/${service}`);
  if (view === undefined || view.kind === 'external') return undefined;
  return below.length === 0
    ? serviceRecords(name, view, services)
    : recordsBelow(name, below, view, services);
}

/** `10-244-1-5.NAMESPACE.pod` names an address whether or not such a pod exists (section 2.6). */
function podRecords(name: Labels, namespace: string | undefined, rest: Labels): Found {
  if (namespace === undefined || rest.length === 0) return [];
  const [dashed = ''] = rest;
  const v4 = /^\d{1,3}(-\d{1,3}){3}$/.test(dashed);
  const address = dashed.replaceAll('-', v4 ? '.' : ':');
  return rest.length === 1 && isOwnAddress(address) ? [addressRecord(name, address)] : undefined;
}

function serviceRecords(name: Labels, view: ServiceView, services: Services): Found {
  if (view.kind === 'virtual') {
    return [
      ...view.addresses.map((address) => addressRecord(name, address)),
      ...view.ports.map(({ port }) => make(name, { type: 'SRV', port, target: name })),
    ];
  }
  const endpoints = published(view, services);
  // Section 2.4.1: a headless service without ready endpoints has no name.
  if (endpoints.length === 0) return undefined;
  return [
    ...distinctAddresses(endpoints).map((address) => addressRecord(name, address)),
    ...endpointPorts(name, endpoints),
  ];
}

/** `_PORT._PROTOCOL` of a service, or an endpoint of a headless one by its host name. */
function recordsBelow(name: Labels, below: Labels, view: ServiceView, services: Services): Found {
  const [first = '', second] = below;
  const own = name.slice(below.length);
  if (first.startsWith('_')) {
    const protocol = first.slice(1);
    const ports = view.ports.filter((port) => port.name !== '' && port.protocol === protocol);
    const wanted = ports.filter((port) => second === undefined || second === `_${port.name}`);
    if (wanted.length === 0 || below.length > 2) return undefined;
    if (second === undefined) return [];
    if (view.kind === 'virtual') {
      return wanted.map(({ port }) => make(name, { type: 'SRV', port, target: own }));
    }
    return endpointPorts(name, published(view, services), own, wanted[0]?.name);
  }
  if (view.kind !== 'headless' || second !== undefined) return undefined;
  const endpoints = published(view, services).filter((one) => hostnameOf(one) === first);
  if (endpoints.length === 0) return undefined;
  return distinctAddresses(endpoints).map((address) => addressRecord(name, address));
}

function endpointPorts(
  name: Labels,
  endpoints: readonly EndpointView[],
  service: Labels = name,
  portName?: string,
): DnsRecord[] {
  const seen = new Set<string>();
  return endpoints.flatMap((endpoint) =>
    endpoint.ports
      .filter((port) => portName === undefined || port.name === portName)
      .flatMap(({ port }) => {
        const hostname = hostnameOf(endpoint);
        if (seen.has(`${hostname} ${port}`)) return [];
        seen.add(`${hostname} ${port}`);
        return [make(name, { type: 'SRV', port, target: [hostname, ...service] })];
      }),
  );
}

function pointers(name: Labels, address: string, services: Services): Found {
  const point = (target: string): DnsRecord =>
    make(name, { type: 'PTR', target: `${target}.svc.${clusterDomain}`.split('.') });
  const records = [...services.all()].flatMap((view) => {
    const full = `${view.name}.${view.namespace}`;
    if (view.addresses.includes(address)) return [point(full)];
    if (view.kind !== 'headless') return [];
    return published(view, services)
      .filter((endpoint) => endpoint.address === address && endpoint.hostname !== undefined)
      .map((endpoint) => point(`${hostnameOf(endpoint)}.${full}`));
  });
  return records.length === 0 ? undefined : records;
}

function externalOf(inner: Labels, services: Services): Labels | undefined {
  const [service, namespace, category] = inner;
  if (inner.length !== 3 || category !== 'svc') return undefined;
  const view = services.byKey(`${namespace}/${service}`);
  return view?.kind === 'external' ? parseName(view.externalName) : undefined;
}

function published(view: ServiceView, services: Services): EndpointView[] {
  return services.endpointsOf(view.key).filter((one) => one.ready || view.publishNotReady);
}

/** The endpoint's own host name, or one made of its address (section 2.1). */
function hostnameOf({ hostname, address }: EndpointView): string {
  return hostname?.toLowerCase() ?? address.replaceAll(/[.:]/g, '-');
}

function distinctAddresses(endpoints: readonly EndpointView[]): string[] {
  return [...new Set(endpoints.map(({ address }) => address))];
}

function addressRecord(name: Labels, address: string): DnsRecord {
  return make(name, { type: address.includes(':') ? 'AAAA' : 'A', address });
}

function make(name: Labels, body: RecordBody): DnsRecord {
  return { name, ttlSeconds, body };
}

function matches(type: number, body: RecordBody): boolean {
  return type === recordTypes.ANY || type === recordTypes[body.type];
}

function isAddress({ body }: DnsRecord): boolean {
  return body.type === 'A' || body.type === 'AAAA';
}

function endsWith(name: Labels, suffix: Labels): boolean {
  return suffix.every((label, index) => name[name.length - suffix.length + index] === label);
}
