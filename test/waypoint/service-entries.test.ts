import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import { keyOfService, type Service, type ServicePort } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { HostTable, idleMs, retryMs } from '../../src/waypoint/dns/host-table.ts';
import { refusalOf } from '../../src/waypoint/dns/outside-address.ts';
import { startZone, type Zone } from '../support/name-zone.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';
import {
  ask,
  FakeMesh,
  serviceOf,
  servicePort,
  startApp,
  startWaypoint,
  virtualAddress,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('what ServiceEntries declare, at a waypoint');

const a = (address: string): readonly [{ type: 'A'; address: string }] => [
  { type: 'A', address: address as IpAddress },
];

/** An endpoint outside of the mesh that has a host name. */
function named(hostname: string, changes: Partial<Workload> = {}): Workload {
  return workloadAt(hostname, {
    uid: `Kubernetes/networking.istio.io/ServiceEntry/default/out/${hostname}`,
    addresses: [],
    hostname,
    tunnelProtocol: 'none',
    ...changes,
  });
}

/** Serves a host outside of the mesh by the waypoint's only virtual address. */
function declare(
  waypoint: WaypointUnderTest,
  hostname: string,
  changes: Partial<Service> = {},
  protocol: ServicePort['appProtocol'] = 'http11',
): Service {
  const service = { ...serviceOf('out', protocol), hostname, ...changes };
  waypoint.mesh.services.push(service);
  waypoint.configure({ service: keyOfService(service), routes: [] });
  return service;
}

test('all addresses of an endpoint host are endpoints, and retries go to the others', async ({
  stack,
  signal,
}) => {
  const app = await startApp(stack, (_request, response) => response.end('here'));
  const zone: Zone = { 'db.example.': [a('127.0.0.2'), a('127.0.0.1')] };
  const { nameServers, asked } = await startZone(stack, zone);
  const waypoint = await startWaypoint(stack, { nameServers, random: () => 0.9 });
  const service = declare(waypoint, 'api.example');
  waypoint.mesh.add(service, named('db.example'), app.port);
  const key = keyOfService(service);
  const retries = { attempts: 2, retryOn: 'connect-failure' };
  const backends = [{ service: key, weight: 1 }];
  waypoint.configure({
    service: key,
    routes: [{ origin: 'r', matches: [], backends, retries }],
  });
  for (let count = 0; count < 2; count++) {
    const answer = await ask(await waypoint.open());
    assert.is(answer.body.toString(), 'here');
    const record = await waypoint.nextRecord(signal);
    assert.equal(
      record.http?.attempts?.map(({ address }) => address),
      [`127.0.0.2:${app.port}`, `127.0.0.1:${app.port}`],
    );
  }
  assert.equal(asked.toSorted(), ['db.example.A', 'db.example.AAAA'], 'names are remembered');
});

test('one address at a time is used where the entry says so', async ({ stack }) => {
  const app = await startApp(stack, (_request, response) => response.end('here'));
  const zone: Zone = { 'db.example.': [a('127.0.0.1'), a('127.0.0.2')] };
  const { nameServers } = await startZone(stack, zone);
  const waypoint = await startWaypoint(stack, { nameServers });
  const service = declare(waypoint, 'api.example');
  waypoint.mesh.add(service, named('db.example'), app.port);
  waypoint.configure({ service: keyOfService(service), routes: [], oneAddressAtATime: true });
  const stream = await Promise.all(Array.from({ length: 6 }, () => waypoint.open()));
  const answers = await Promise.all(stream.map((one) => ask(one)));
  assert.equal(new Set(answers.map(({ status }) => status)), new Set([200]));
});

test('an entry may have connections raced: the address that answers is taken at once', async ({
  stack,
  signal,
}) => {
  const app = await startApp(stack, (_request, response) => response.end('here'));
  const zone: Zone = { 'db.example.': [a('127.0.0.2'), a('127.0.0.3'), a('127.0.0.1')] };
  const { nameServers } = await startZone(stack, zone);
  const waypoint = await startWaypoint(stack, { nameServers, random: () => 0 });
  const service = declare(waypoint, 'api.example');
  waypoint.mesh.add(service, named('db.example'), app.port);
  waypoint.configure({ service: keyOfService(service), routes: [], raceConnections: true });
  assert.is((await ask(await waypoint.open())).body.toString(), 'here');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.http?.attempts?.length, 1, 'nothing is tried again');
  app.server.close();
  assert.is((await ask(await waypoint.open())).status, 503);
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1706');
});

test('a name without an address is told with its code, and other endpoints still serve', async ({
  stack,
  signal,
}) => {
  const app = await startApp(stack, (_request, response) => response.end('here'));
  const { nameServers } = await startZone(stack, {});
  const waypoint = await startWaypoint(stack, { nameServers });
  const service = declare(waypoint, 'api.example');
  waypoint.mesh.add(service, named('missing.example'), app.port);
  const answer = await ask(await waypoint.open());
  assert.is(answer.status, 503);
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1422');
  assert.match(record.verdict.reason, /missing\.example gave no address/);
  waypoint.mesh.add(service, workloadAt('fixed', { tunnelProtocol: 'none' }), app.port);
  assert.is((await ask(await waypoint.open())).status, 200);
});

test('resolution NONE leads to where the client wanted to go, at the port that it is mapped to', async ({
  stack,
  signal,
}) => {
  const app = await startApp(stack, ({ headers }, response) => response.end(headers.host));
  const waypoint = await startWaypoint(stack);
  declare(waypoint, 'net.example', {
    addresses: [{ network: '', address: '127.0.0.1' as IpAddress }],
    ports: [{ servicePort, targetPort: app.port, appProtocol: 'http11' }],
    loadBalancing: { mode: 'passthrough', routingPreference: [], healthPolicy: 'allow-all' },
  });
  const stream = await waypoint.open({ authority: `127.0.0.1:${servicePort}` });
  const answer = await ask(stream, { headers: { host: 'net.example' } });
  assert.is(answer.body.toString(), 'net.example');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.http?.attempts?.[0]?.address, `127.0.0.1:${app.port}`);
});

test('the host of a request is resolved for a wildcard, and only what it covers', async ({
  stack,
  signal,
}) => {
  const zone: Zone = {
    'a.wild.example.': [a('127.0.0.1')],
    'meta.wild.example.': [a('169.254.169.254')],
    'other.example.': [a('127.0.0.1')],
  };
  const { nameServers, asked } = await startZone(stack, zone);
  const waypoint = await startWaypoint(stack, { nameServers });
  const service = declare(waypoint, '*.wild.example');
  waypoint.mesh.add(service, named('*.wild.example'), 80);
  const cases = [
    [
      'a.wild.example:9080',
      503,
      'AMB1736',
      /a\.wild\.example leads to .*127\.0\.0\.1: .* loopback/,
    ],
    ['META.wild.example', 503, 'AMB1736', /169\.254\.169\.254: it is link-local/],
    ['other.example', 503, 'AMB1735', /"other\.example", which \*\.wild\.example does not cover/],
    ['wild.example', 503, 'AMB1735', /does not cover/],
    ['nowhere.wild.example', 503, 'AMB1422', /nowhere\.wild\.example gave no address/],
  ] as const;
  for (const [host, status, code, reason] of cases) {
    const answer = await ask(await waypoint.open(), { headers: { host } });
    assert.is(answer.status, status, host);
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.code, code, host);
    assert.match(record.verdict.reason, reason);
  }
  assert.is(asked.includes('other.example.A'), false, 'what is not covered is not even asked for');
});

test('a wildcard cannot be reached without a request', async ({ stack, signal }) => {
  const waypoint = await startWaypoint(stack);
  const service = declare(waypoint, '*.wild.example', {}, 'tcp');
  waypoint.mesh.add(service, named('*.wild.example'), 80);
  const refused = await waypoint.connect(`${virtualAddress}:${servicePort}`);
  assert.is(refused.kind === 'refused' && refused.status, 503);
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1741');
});

test('addresses of the mesh are refused to names that clients choose', () => {
  const mesh = new FakeMesh();
  mesh.services.push(serviceOf('reviews'));
  mesh.owners.set('10.1.0.1', 'a node');
  const judge = (address: string): string | undefined =>
    refusalOf(address as IpAddress, mesh, { network: '', client: identity('client') });
  for (const address of [
    '0.0.0.0',
    '127.1.2.3',
    '::1',
    '::',
    'fe80::1',
    '240.240.0.3',
    '2001:2::5',
  ])
    assert.ok(judge(address), address);
  assert.match(judge(virtualAddress) ?? '', /reviews/);
  assert.match(judge('10.1.0.1') ?? '', /node/);
  assert.is(judge('192.0.2.8'), undefined);
  assert.is(judge('2001:db8::1'), undefined);
});

const records = (...addresses: string[]): Zone[string] => addresses.map((one) => a(one));

test('names are asked for again when their records end, and the last good answer stays', async ({
  stack,
}) => {
  const zone: Record<string, Zone[string]> = { 'db.example.': records('192.0.2.1') };
  const { nameServers, asked } = await startZone(stack, zone);
  const clock = new ManualClock();
  const hosts = stack.use(
    new HostTable({ lookup: { nameServers, ipv6: false }, clock, log: silentLogger }),
  );
  assert.equal(await hosts.addressesOf('DB.example'), ['192.0.2.1']);
  await clock.waited(60_000);
  zone['db.example.'] = records('192.0.2.2', '192.0.2.3');
  clock.advance(60_000);
  await clock.waited(60_000);
  assert.equal(await hosts.addressesOf('db.example'), ['192.0.2.2', '192.0.2.3']);
  delete zone['db.example.'];
  clock.advance(60_000);
  await clock.waited(retryMs);
  assert.equal(await hosts.addressesOf('db.example'), ['192.0.2.2', '192.0.2.3']);
  assert.equal(hosts.dump(), { 'db.example': ['192.0.2.2', '192.0.2.3'] });
  assert.is(asked.length, 3);
});

test('a name that failed is asked for again by who needs it later', async ({ stack }) => {
  const zone: Record<string, Zone[string]> = {};
  const { nameServers, asked } = await startZone(stack, zone);
  const clock = new ManualClock();
  const hosts = stack.use(
    new HostTable({ lookup: { nameServers, ipv6: false }, clock, log: silentLogger }),
  );
  const failed = await Promise.allSettled([
    hosts.addressesOf('db.example'),
    hosts.addressesOf('db.example'),
  ]);
  assert.equal(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  zone['db.example.'] = records('192.0.2.1');
  await clock.waited(retryMs);
  clock.advance(retryMs);
  while (Object.keys(hosts.dump()).length > 0) await Promise.resolve();
  assert.equal(await hosts.addressesOf('db.example'), ['192.0.2.1']);
  assert.is(asked.length, 2, 'those who wait share a question');
});

test('names that nobody needs are forgotten, and no more than allowed are kept', async ({
  stack,
}) => {
  const zone = Object.fromEntries(
    ['a', 'b', 'c'].map((name) => [`${name}.example.`, [[a('192.0.2.1')[0], 3_600] as const]]),
  );
  const { nameServers, asked } = await startZone(stack, zone);
  const clock = new ManualClock();
  const options = { lookup: { nameServers, ipv6: false }, clock, log: silentLogger, maxNames: 2 };
  const hosts = stack.use(new HostTable(options));
  await hosts.addressesOf('a.example');
  await hosts.addressesOf('b.example');
  await hosts.addressesOf('a.example');
  await hosts.addressesOf('c.example');
  assert.equal(Object.keys(hosts.dump()), ['a.example', 'c.example']);
  await clock.waited(3_600_000);
  clock.advance(Math.max(idleMs, 3_600_000));
  while (Object.keys(hosts.dump()).length > 0) await Promise.resolve();
  assert.is(asked.length, 3);
});

test.run();
