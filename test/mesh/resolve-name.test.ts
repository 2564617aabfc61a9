import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import { type NameAnswer, type NameFacts, resolveName } from '../../src/mesh/resolve-name.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { stateOf } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('what a name means');

const vips = (...texts: readonly string[]) =>
  texts.map((text) => ({ network: '', address: ipAddress(text) }));
const headless = aService('db', { addresses: [] });
const entry = (hostname: string, namespace: string, changes: Partial<Service> = {}): Service =>
  aService(hostname, { hostname, namespace, canonical: false, ...changes });

const client = aWorkload('client');
const inDb = (service: Service = headless) => new Map([[keyOfService(service), []]]);
const workloads: readonly Workload[] = [
  client,
  aWorkload('db-0', { addresses: [ipAddress('10.0.0.5'), ipAddress('fd00::5')], services: inDb() }),
  aWorkload('db-1', { addresses: [ipAddress('10.0.0.6')], services: inDb() }),
  aWorkload('db-2', {
    addresses: [ipAddress('10.0.0.7')],
    services: inDb(),
    status: 'unhealthy',
  }),
  aWorkload('db-3', { addresses: [ipAddress('10.0.0.8')], services: inDb(), network: 'far' }),
];
const services: readonly Service[] = [
  aService('web', { addresses: vips('10.96.0.1', 'fd96::1') }),
  aService('web', { namespace: 'other', addresses: vips('10.96.0.2') }),
  aService('four', { addresses: vips('10.96.0.4', 'fd96::4'), ipFamilies: 'ipv4' }),
  aService('six', { addresses: vips('10.96.0.6', 'fd96::6'), ipFamilies: 'ipv6' }),
  aService('far', { addresses: [{ network: 'far', address: ipAddress('10.96.0.9') }] }),
  aService('hidden', {
    namespace: 'other',
    addresses: vips('10.96.0.7'),
    visibility: 'namespace',
  }),
  headless,
  aService('nobody', { addresses: [] }),
  entry('www.example.com', 'default', { addresses: vips('240.240.0.1') }),
  entry('*.example.com', 'default', { addresses: vips('240.240.0.2') }),
  entry('*.org', 'default', { addresses: vips('240.240.0.3') }),
  entry('no-address.test', 'default'),
  entry('range.test', 'default', {
    addresses: [{ network: '', address: ipAddress('192.0.2.0'), length: 24 }],
  }),
];

function ask(
  name: string,
  type: 'a' | 'aaaa' | 'other' = 'a',
  changes: Partial<NameFacts> = {},
  extra: { readonly services?: readonly Service[]; readonly workloads?: readonly Workload[] } = {},
): NameAnswer {
  const view = stateOf(extra.workloads ?? workloads, extra.services ?? services);
  const facts = { client, domain: 'cluster.local', ipv6: true, random: () => 0.5, ...changes };
  return resolveName(view, { labels: name.split('.'), type }, facts);
}

/** `forward`, `empty`, or the addresses, with the alias before them. */
function told(answer: NameAnswer): string {
  if (answer.kind !== 'addresses') return answer.kind;
  const alias = answer.canonicalName === undefined ? [] : [`${answer.canonicalName.join('.')}:`];
  return [...alias, ...answer.addresses].join(' ');
}

const domain = 'cluster.local';
const table: readonly (readonly [name: string, type: 'a' | 'aaaa' | 'other', told: string])[] = [
  // The name itself, and what Kubernetes' short forms stand for.
  [`web.default.svc.${domain}`, 'a', '10.96.0.1'],
  [`web.default.svc.${domain}`, 'aaaa', 'fd96::1'],
  ['web', 'a', '10.96.0.1'],
  ['web.default', 'a', '10.96.0.1'],
  ['web.default.svc', 'a', '10.96.0.1'],
  ['web.other', 'a', '10.96.0.2'],
  ['web.other.svc', 'a', '10.96.0.2'],
  // Taken for SERVICE.NAMESPACE first, and for a name within the client's namespace second.
  ['db-0.db', 'a', '10.0.0.5'],
  ['web.nowhere', 'a', 'forward'],
  // Search domains that the resolver of the pod appended are taken off again.
  [`www.example.com.default.svc.${domain}`, 'a', 'www.example.com: 240.240.0.1'],
  [`www.example.com.svc.${domain}`, 'a', 'www.example.com: 240.240.0.1'],
  [`www.example.com.${domain}`, 'a', 'www.example.com: 240.240.0.1'],
  [`www.example.com.other.svc.${domain}`, 'a', 'forward'],
  [`web.other.default.svc.${domain}`, 'a', 'web.other: 10.96.0.2'],
  [`web.other.svc.default.svc.${domain}`, 'a', 'web.other.svc: 10.96.0.2'],
  [`web.${domain}`, 'a', 'web: 10.96.0.1'],
  // Wildcards, the most specific first, never with an alias.
  ['www.example.com', 'a', '240.240.0.1'],
  ['api.example.com', 'a', '240.240.0.2'],
  ['deep.api.example.com', 'a', '240.240.0.2'],
  ['example.com', 'a', 'forward'],
  ['some.thing.org', 'a', '240.240.0.3'],
  ['org', 'a', 'forward'],
  [`api.example.com.default.svc.${domain}`, 'a', '240.240.0.2'],
  // Names that exist without such an address.
  [`four.default.svc.${domain}`, 'a', '10.96.0.4'],
  [`four.default.svc.${domain}`, 'aaaa', 'empty'],
  [`six.default.svc.${domain}`, 'a', 'empty'],
  [`six.default.svc.${domain}`, 'aaaa', 'fd96::6'],
  [`web.other.svc.${domain}`, 'aaaa', 'empty'],
  [`far.default.svc.${domain}`, 'a', 'empty'],
  [`nobody.default.svc.${domain}`, 'a', 'empty'],
  // Headless services, and their pods.
  [`db.default.svc.${domain}`, 'a', '10.0.0.5 10.0.0.6'],
  [`db.default.svc.${domain}`, 'aaaa', 'fd00::5'],
  [`db-0.db.default.svc.${domain}`, 'a', '10.0.0.5'],
  [`db-0.db.default.svc.${domain}`, 'aaaa', 'fd00::5'],
  [`db-1.db.default.svc.${domain}`, 'aaaa', 'empty'],
  [`db-0.db.default.svc.default.svc.${domain}`, 'a', 'db-0.db.default.svc: 10.0.0.5'],
  [`db-2.db.default.svc.${domain}`, 'a', 'forward'],
  [`db-9.db.default.svc.${domain}`, 'a', 'forward'],
  [`web-0.web.default.svc.${domain}`, 'a', 'forward'],
  // Not the mesh's.
  [`hidden.other.svc.${domain}`, 'a', 'forward'],
  ['no-address.test', 'a', 'forward'],
  ['range.test', 'a', 'forward'],
  ['www.example.net', 'a', 'forward'],
  [`nothing.default.svc.${domain}`, 'a', 'forward'],
  [`web.default.svc.${domain}`, 'other', 'forward'],
];

test('every reading of a name has its answer', () => {
  for (const [name, type, expected] of table) {
    assert.is(told(ask(name, type)), expected, `${name} ${type}`);
  }
});

test('every answer says why', () => {
  for (const [name, type] of table) assert.ok(ask(name, type).reason.length > 5, name);
  const single = ask(`db-0.db.default.svc.${domain}`);
  assert.is(single.reason, `db-0 of default/db.default.svc.${domain}`);
});

test('without IPv6 only names of the mesh lose it', () => {
  assert.is(told(ask('web', 'aaaa', { ipv6: false })), 'empty');
  assert.is(told(ask('web', 'a', { ipv6: false })), '10.96.0.1');
  assert.is(told(ask('www.example.net', 'aaaa', { ipv6: false })), 'forward');
});

test('a service is seen from its own namespace, also when it is hidden from others', () => {
  const inOther = { client: aWorkload('client', { namespace: 'other' }) };
  assert.is(told(ask('hidden', 'a', inOther)), '10.96.0.7');
  assert.is(told(ask('web', 'a', inOther)), '10.96.0.2');
});

test('of several services the own, then the canonical, then the preferred one is meant', () => {
  const at = (namespace: string, last: number, changes: Partial<Service> = {}): Service =>
    entry('api.test', namespace, { addresses: vips(`240.0.0.${last}`), ...changes });
  const first = at('first', 1);
  const wished = at('wished', 2);
  const canonical = at('canonical', 3, { canonical: true });
  const own = at('default', 4);
  const pick = (list: readonly Service[], preferredNamespace = 'wished'): string =>
    told(ask('api.test', 'a', { preferredNamespace }, { services: list }));
  assert.is(pick([first, wished, canonical, own]), '240.0.0.4');
  assert.is(pick([first, wished, canonical]), '240.0.0.3');
  assert.is(pick([first, wished]), '240.0.0.2');
  assert.is(pick([first, wished], ''), '240.0.0.1');
  assert.is(pick([at('away', 9, { visibility: 'namespace' }), first], ''), '240.0.0.1');
});

test('pods that are not healthy are named when the service publishes them all the same', () => {
  const eager: Service = {
    ...headless,
    loadBalancing: { mode: 'standard', routingPreference: [], healthPolicy: 'allow-all' },
  };
  const answer = ask('db', 'a', {}, { services: [eager] });
  assert.ok(answer.kind === 'addresses' && answer.addresses.includes('10.0.0.7' as IpAddress));
  assert.is(told(ask('db-2.db', 'a', {}, { services: [eager] })), '10.0.0.7');
});

test('the order of addresses is by chance', () => {
  const numbers = [0.9, 0.1];
  const answer = ask('db', 'a', { random: () => numbers.pop() ?? 0 });
  assert.is(told(answer), '10.0.0.5 10.0.0.6');
  const turned = [0.1, 0.9];
  assert.is(told(ask('db', 'a', { random: () => turned.pop() ?? 0 })), '10.0.0.6 10.0.0.5');
});

test('a label with a dot in it is not taken for two', () => {
  const view = stateOf(workloads, services);
  const facts = { client, domain, ipv6: true, random: () => 0 };
  const labels = ['web.default', 'svc', 'cluster', 'local'];
  assert.is(resolveName(view, { labels, type: 'a' }, facts).kind, 'forward');
  assert.is(resolveName(view, { labels: [], type: 'a' }, facts).kind, 'forward');
});

test.run();
