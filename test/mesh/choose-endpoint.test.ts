import * as assert from 'uvu/assert';
import { chooseEndpoint, type EndpointFacts } from '../../src/mesh/choose-endpoint.ts';
import type { ServiceEndpoint } from '../../src/mesh/mesh-view.ts';
import type { LoadBalancing, Scope } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('choose an endpoint');

const here = { region: 'r1', zone: 'z1', subzone: 's1' };
const source = aWorkload('client', { locality: here, node: 'n1' });
const facts: EndpointFacts = { source, network: '', port: 80, random: () => 0 };

let next = 1;
function endpoint(
  name: string,
  changes: Partial<Workload> = {},
  targetPort?: number,
): ServiceEndpoint {
  const workload = aWorkload(name, { addresses: [ipAddress(`10.0.0.${next++}`)], ...changes });
  return { workload, ports: targetPort === undefined ? [] : [{ servicePort: 80, targetPort }] };
}

const service = aService('echo');

function balanced(mode: LoadBalancing['mode'], scopes: readonly Scope[], allowAll = false) {
  return aService('echo', {
    loadBalancing: {
      mode,
      routingPreference: scopes,
      healthPolicy: allowAll ? 'allow-all' : 'only-healthy',
    },
  });
}

/** The names that can be chosen, by trying the whole range of chance. */
function reachable(of: typeof service, endpoints: readonly ServiceEndpoint[], more = facts) {
  const names = new Set<string>();
  for (let step = 0; step < 64; step++) {
    const choice = chooseEndpoint(of, endpoints, { ...more, random: () => step / 64 });
    if (choice.kind === 'chosen') names.add(choice.workload.name);
  }
  return [...names].toSorted();
}

test('takes any healthy endpoint', () => {
  const endpoints = [endpoint('a'), endpoint('b'), endpoint('sick', { status: 'unhealthy' })];
  assert.equal(reachable(service, endpoints), ['a', 'b']);
});

test('takes unhealthy ones where the service allows all', () => {
  const endpoints = [endpoint('a'), endpoint('sick', { status: 'unhealthy' })];
  assert.equal(reachable(balanced('standard', [], true), endpoints), ['a', 'sick']);
});

test('gives a share of the connections by weight', () => {
  const endpoints = [endpoint('light'), endpoint('heavy', { capacity: 3 })];
  const counts = { light: 0, heavy: 0 };
  for (let step = 0; step < 100; step++) {
    const choice = chooseEndpoint(service, endpoints, { ...facts, random: () => step / 100 });
    if (choice.kind === 'chosen') counts[choice.workload.name as 'light' | 'heavy']++;
  }
  assert.equal(counts, { light: 25, heavy: 75 });
});

const ports: readonly (readonly [string, number | undefined, number, number | string])[] = [
  ["the endpoint's own mapping first", 9999, 8080, 9999],
  ["the service's target else", undefined, 8080, 8080],
  ["the service's target for an unmapped one", 0, 8080, 8080],
  ['no endpoint for a named port nobody maps', undefined, 0, 'AMB1406'],
];

for (const [what, own, declared, expected] of ports) {
  test(`finds ${what}`, () => {
    const named = aService('echo', {
      ports: [{ servicePort: 80, targetPort: declared, appProtocol: 'unknown' }],
    });
    const choice = chooseEndpoint(named, [endpoint('a', {}, own)], facts);
    assert.is(choice.kind === 'chosen' ? choice.targetPort : choice.code, expected);
  });
}

test('takes the service port itself where the application tunnel fixes the port', () => {
  const named = aService('wp', {
    ports: [{ servicePort: 80, targetPort: 0, appProtocol: 'unknown' }],
  });
  const tunnelled = endpoint('a', { applicationTunnel: { protocol: 'proxy', port: 15_088 } });
  const choice = chooseEndpoint(named, [tunnelled], facts);
  assert.is(choice.kind === 'chosen' && choice.targetPort, 80);
});

const absent: readonly (readonly [string, readonly ServiceEndpoint[], number, string, RegExp])[] = [
  ['an undeclared port', [endpoint('a')], 81, 'AMB1406', /has no port 81/],
  ['no endpoints', [], 80, 'AMB1405', /has no endpoints/],
  ['only sick ones', [endpoint('a', { status: 'unhealthy' })], 80, 'AMB1405', /none of 1/],
  ['no address', [endpoint('a', { addresses: [] })], 80, 'AMB1405', /none of 1/],
];

for (const [what, endpoints, port, code, reason] of absent) {
  test(`says what is missing with ${what}`, () => {
    const choice = chooseEndpoint(service, endpoints, { ...facts, port });
    assert.is(choice.kind, 'none');
    if (choice.kind !== 'none') return;
    assert.is(choice.code, code);
    assert.match(choice.reason, reason);
  });
}

test('takes an endpoint without address that is reached by a gateway or a name', () => {
  const networkGateway = {
    destination: { kind: 'address', network: 'n2', address: ipAddress('192.0.2.1') },
    hbonePort: 15_008,
  } as const;
  const remote = endpoint('remote', { addresses: [], network: 'n2', networkGateway });
  const named = endpoint('named', { addresses: [], hostname: 'db.example' });
  assert.equal(reachable(service, [remote, named]), ['named', 'remote']);
});

const near = endpoint('near', { locality: here, node: 'n2' });
const sameZone = endpoint('same-zone', { locality: { ...here, subzone: 's2' }, node: 'n2' });
const sameRegion = endpoint('same-region', { locality: { ...here, zone: 'z2' }, node: 'n3' });
const far = endpoint('far', { locality: { region: 'r2', zone: 'z1', subzone: 's1' }, node: 'n4' });
const elsewhere = endpoint('elsewhere', { locality: here, node: 'n1', network: 'n2' });
const places: readonly Scope[] = ['region', 'zone', 'subzone'];

const rankings: readonly (readonly [
  string,
  LoadBalancing['mode'],
  readonly Scope[],
  readonly ServiceEndpoint[],
  readonly string[],
])[] = [
  ['the nearest only', 'failover', places, [near, sameZone, sameRegion, far], ['near']],
  ['the next nearest', 'failover', places, [sameZone, sameRegion, far], ['same-zone']],
  ['the same region', 'failover', places, [sameRegion, far], ['same-region']],
  ['anything if nothing is near', 'failover', places, [far], ['far']],
  ['nothing that misses a scope', 'strict', places, [sameZone, far], []],
  ['all that have every scope', 'strict', ['region'], [near, sameZone, far], ['near', 'same-zone']],
  ['the same node', 'strict', ['node'], [near, elsewhere], ['elsewhere']],
  [
    'one here rather than one of another network',
    'failover',
    ['network', 'region', 'zone'],
    [far, elsewhere],
    ['far'],
  ],
  [
    'the nearest even of another network',
    'failover',
    ['network', 'region', 'zone'],
    [elsewhere, endpoint('remote-far', { network: 'n2', locality: { ...here, region: 'x' } })],
    ['elsewhere'],
  ],
];

for (const [what, mode, scopes, endpoints, expected] of rankings) {
  test(`in mode ${mode} by ${scopes.join(', ')} takes ${what}`, () => {
    assert.equal(reachable(balanced(mode, scopes), endpoints), expected);
  });
}

test('takes the less busy of two, for its weight', () => {
  const [busy, idle] = [endpoint('busy'), endpoint('idle')];
  const openTo = (uid: string) => (uid === busy.workload.uid ? 5 : 4);
  assert.equal(reachable(service, [busy, idle], { ...facts, openTo }), ['idle']);
  const strong = endpoint('strong', { capacity: 4 });
  const eachFour = () => 4;
  assert.equal(reachable(service, [busy, strong], { ...facts, openTo: eachFour }), ['strong']);
});

test('never sends all to the least busy of many, which other choosers may also think idle', () => {
  const endpoints = ['a', 'b', 'c', 'd'].map((name) => endpoint(name));
  const openTo = (uid: string) => endpoints.findIndex(({ workload }) => workload.uid === uid);
  const draws = [0.9, 0.5];
  const choice = chooseEndpoint(service, endpoints, {
    ...facts,
    openTo,
    random: () => draws.shift() ?? 0,
  });
  assert.is(choice.kind === 'chosen' && choice.workload.name, 'b');
});

test('takes nothing that was tried, and says so when nothing is left', () => {
  const [one, other] = [endpoint('one'), endpoint('other')];
  const tried = new Set([one.workload.uid]);
  assert.equal(reachable(service, [one, other], { ...facts, tried }), ['other']);
  const choice = chooseEndpoint(service, [one], { ...facts, tried });
  assert.match(choice.kind === 'none' ? choice.reason : '', /no endpoint that was not tried/);
});

test('goes further away when everything near was tried', () => {
  const tried = new Set([near.workload.uid]);
  const nearest = balanced('failover', places);
  assert.equal(reachable(nearest, [near, far], { ...facts, tried }), ['far']);
});

test('keeps to the dialled address, else to its family, else to what is allowed', () => {
  const [v4, v6] = [ipAddress('10.0.0.200'), ipAddress('fd00::200')];
  const both = [endpoint('both', { addresses: [v4, v6] })];
  const chosen = (changes: Parameters<typeof aService>[1], requested: string) => {
    const choice = chooseEndpoint(aService('echo', changes), both, {
      ...facts,
      requested: ipAddress(requested),
    });
    return choice.kind === 'chosen' ? choice.address : choice.reason;
  };
  assert.is(chosen({}, 'fd00::200'), v6);
  assert.is(chosen({}, '10.96.0.1'), v4);
  assert.is(chosen({}, 'fd96::1'), v6);
  assert.is(chosen({ ipFamilies: 'ipv4' }, 'fd96::1'), v4);
  assert.is(chosen({ ipFamilies: 'ipv6' }, '10.96.0.1'), v6);
});

const tunnel = { protocol: 'proxy', port: 15_088 } as const;
const ofWaypoints: readonly (readonly [string, Partial<Workload>, string])[] = [
  ['not one without a tunnel of its own', {}, 'AMB1406'],
  ['one with a tunnel of its own', { applicationTunnel: tunnel }, 'a 15008'],
];

for (const [what, changes, expected] of ofWaypoints) {
  test(`where a waypoint does not declare the port of tunnels, takes ${what}`, () => {
    const at = { ...facts, port: 15_008, forWaypoint: true };
    const choice = chooseEndpoint(service, [endpoint('a', changes)], at);
    const told =
      choice.kind === 'none' ? choice.code : `${choice.workload.name} ${choice.targetPort}`;
    assert.is(told, expected);
  });
}

test.run();
