// A client that makes its own tunnel requests cannot have a waypoint connect to what it does not serve.

import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import {
  ask,
  serviceOf,
  servicePort,
  startApp,
  startWaypoint,
  virtualAddress,
  workloadAt,
} from './fixture.ts';

const test = suite('a waypoint is no open relay');

/** One waypoint with a service of its own, beside what belongs to others. */
async function start(stack: AsyncDisposableStack) {
  const waypoint = await startWaypoint(stack);
  const { mesh } = waypoint;
  let asked = 0;
  const app = await startApp(stack, (_request, response) => {
    asked++;
    response.end('hello');
  });
  const pod = workloadAt('reviews-v1', { tunnelProtocol: 'none' });
  const own = serviceOf('reviews');
  const destination = {
    kind: 'hostname',
    namespace: 'other',
    hostname: 'waypoint.other.svc.cluster.local',
  } as const;
  const ofOther = {
    ...serviceOf('ratings', 'http11', '10.96.0.30'),
    waypoint: { destination, hbonePort: 15_008 },
  };
  const { waypoint: _none, ...unbound } = serviceOf('details', 'http11', '10.96.0.40');
  mesh.services.push(own, ofOther, unbound);
  for (const service of mesh.services) {
    mesh.add(service, pod, app.port);
    waypoint.configure({ service: keyOfService(service), routes: [] });
  }
  mesh.workloads.set('127.0.0.1', pod);
  mesh.workloads.set('10.244.1.8', workloadAt('other', { addresses: ['10.244.1.8' as IpAddress] }));
  return { waypoint, appPort: app.port, askedCount: () => asked };
}

test('refuses, with a code and counted, whatever it does not serve', async ({ stack, signal }) => {
  const { waypoint, appPort, askedCount } = await start(stack);
  const refused: readonly [what: string, authority: string, status: number, code: string][] = [
    ['a port its service does not have', `${virtualAddress}:22`, 503, 'AMB1406'],
    ['its own admin port', '127.0.0.1:15000', 503, 'AMB1710'],
    ['a server on its loopback', `127.0.0.1:${appPort}`, 503, 'AMB1710'],
    ['loopback of IPv6', `[::1]:${appPort}`, 503, 'AMB1710'],
    ['loopback, written as IPv6', `[::ffff:127.0.0.1]:${appPort}`, 503, 'AMB1710'],
    ['loopback by name', `localhost:${appPort}`, 503, 'AMB1710'],
    ['the unspecified address', `0.0.0.0:${appPort}`, 503, 'AMB1710'],
    ['the metadata address', '169.254.169.254:80', 503, 'AMB1710'],
    ['the metadata address of IPv6', '[fd00:ec2::254]:80', 503, 'AMB1710'],
    ['a place outside', '192.0.2.1:443', 503, 'AMB1710'],
    ['a name outside', 'example.com:443', 503, 'AMB1710'],
    ['the service of another waypoint', `10.96.0.30:${servicePort}`, 503, 'AMB1710'],
    ['the same by name', `ratings.default.svc.cluster.local:${servicePort}`, 503, 'AMB1710'],
    ['a service without a waypoint', `10.96.0.40:${servicePort}`, 503, 'AMB1710'],
    ['a workload without a waypoint', '10.244.1.8:8080', 503, 'AMB1710'],
    ['no port', virtualAddress, 400, 'AMB1414'],
    ['port 0', `${virtualAddress}:0`, 400, 'AMB1414'],
    ['a port out of range', `${virtualAddress}:65536`, 400, 'AMB1414'],
    ['a port with more behind it', `${virtualAddress}:9080:9080`, 400, 'AMB1414'],
  ];
  const counts = new Map<string, number>();
  for (const [what, authority, status, code] of refused) {
    const result = await waypoint.connect(authority);
    assert.is(result.kind, 'refused', what);
    if (result.kind !== 'refused') continue;
    const record = await waypoint.nextRecord(signal);
    assert.is(result.status, status, what);
    assert.is(result.headers.get('ambit-decision'), `${record.id} ${code}`, what);
    assert.is(record.verdict.code, code, what);
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const metrics = await waypoint.registry.text();
  for (const [code, count] of counts) {
    assert.ok(metrics.includes(`ambit_tunnel_refusals_total{code="${code}"} ${count}\n`), code);
  }
  assert.is(askedCount(), 0);
  assert.is(waypoint.arrived.length, 0);
  assert.is((await ask(await waypoint.open())).status, 200, 'what it serves is served');
});

test('a Host of another service leads nowhere else than the tunnel did', async ({
  stack,
  signal,
}) => {
  const { waypoint } = await start(stack);
  for (const host of ['ratings.default.svc.cluster.local:9080', '169.254.169.254', 'localhost']) {
    await ask(await waypoint.open(), { headers: { host } });
    const record = await waypoint.nextRecord(signal);
    assert.is(record.destination.service, 'default/reviews.default.svc.cluster.local', host);
  }
});

test.run();
