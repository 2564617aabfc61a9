import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import type { Credential } from '../../src/mesh/credential.ts';
import type { ClientTls } from '../../src/mesh/destination.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import { rootNamed } from '../controller/ca/secrets.ts';
import { TestAuthority } from '../support/certificates.ts';
import { issueTo, revocationListPem } from '../support/revocation-lists.ts';
import { suite } from '../support/suite.ts';
import { identity, readAll } from '../support/tunnels.ts';
import {
  ask,
  serviceOf,
  startApp,
  startWaypoint,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';
import { startHttp1, startHttp2AndHttp1, startTlsEcho } from './tls-servers.ts';

const test = suite('TLS that a waypoint begins');

const host = 'api.example.com';
const simple: ClientTls = { mode: 'SIMPLE' };

interface Scene {
  readonly waypoint: WaypointUnderTest;
  readonly authority: TestAuthority;
  /** Makes a port on loopback the endpoint, with TLS settings for it. */
  readonly lead: (
    port: number,
    tls: ClientTls,
    changes?: {
      protocol?: ServicePort['appProtocol'];
      tunnelled?: boolean;
      sans?: readonly string[];
    },
  ) => void;
  readonly get: (requested?: string) => ReturnType<typeof ask>;
}

/** A waypoint for a host outside, whose operating system trusts `authority`. */
async function scene(stack: AsyncDisposableStack): Promise<Scene> {
  const authority = new TestAuthority('public');
  const waypoint = await startWaypoint(stack, { systemAuthorities: [authority.rootPem] });
  return {
    waypoint,
    authority,
    lead(port, tls, { protocol = 'http11', tunnelled = false, sans = [] } = {}) {
      const service = { ...serviceOf('out', protocol), hostname: host, subjectAltNames: sans };
      const key = keyOfService(service);
      waypoint.mesh.services.splice(0, 1, service);
      waypoint.mesh.endpoints.clear();
      const tunnelProtocol = tunnelled ? 'hbone' : 'none';
      waypoint.mesh.add(service, workloadAt('outside', { tunnelProtocol }), port);
      const destination = { origin: 'DestinationRule default/out', subsets: [], policy: { tls } };
      waypoint.configure({ service: key, routes: [], destination });
    },
    get: async (requested = host) =>
      await ask(await waypoint.open(), { headers: { host: requested } }),
  };
}

function credential(waypoint: WaypointUnderTest, one: Credential): void {
  waypoint.credentials.apply({ updated: new Map([[one.name, one]]), removed: [] });
}

test('requests in the clear reach a server by TLS, over HTTP/2 where it speaks it', async ({
  stack,
  signal,
}) => {
  const { waypoint, authority, lead, get } = await scene(stack);
  const server = await startHttp2AndHttp1(stack, { authority, names: [host] });
  lead(server.port, simple);
  const first = await waypoint.open();
  const answers = await Promise.all([ask(first, { headers: { host } }), get(), get()]);
  assert.equal(
    answers.map(({ body }) => body.toString()),
    [`HTTP/2.0 ${host} https`, `HTTP/2.0 ${host} https`, `HTTP/2.0 ${host} https`],
  );
  assert.is(server.seen.length, 3, 'one connection for each client, none only to ask');
  for (const seen of server.seen) {
    assert.equal(seen, { serverName: host, alpn: 'h2', clientNames: '' });
  }
  assert.is((await waypoint.nextRecord(signal)).verdict.outcome, 'forwarded');
});

test('a server of HTTP/1.1 is spoken to so', async ({ stack }) => {
  const { authority, lead, get } = await scene(stack);
  const names = [host];
  const old = await startHttp1(stack, { authority, names });
  lead(old.port, simple);
  assert.is((await get()).body.toString(), `HTTP/1.1 ${host}`);
  assert.is((await get()).body.toString(), `HTTP/1.1 ${host}`);
  assert.equal(
    old.seen.map(({ alpn }) => alpn),
    ['http/1.1', 'http/1.1'],
  );
});

test('a port that is declared HTTP/2 is not asked what it speaks', async ({ stack }) => {
  const { authority, lead, get } = await scene(stack);
  const server = await startHttp2AndHttp1(stack, { authority, names: [host] });
  lead(server.port, simple, { protocol: 'http2' });
  assert.is((await get()).body.toString(), `HTTP/2.0 ${host} https`);
  const old = await startHttp1(stack, { authority, names: [host] });
  lead(old.port, simple, { protocol: 'http2' });
  assert.is((await get()).status, 503);
});

test('TLS is begun within the tunnel of an endpoint in the mesh', async ({ stack }) => {
  const { waypoint, authority, lead, get } = await scene(stack);
  const server = await startHttp2AndHttp1(stack, { authority, names: [host] });
  lead(server.port, simple, { tunnelled: true });
  assert.is((await get()).body.toString(), `HTTP/2.0 ${host} https`);
  assert.is(waypoint.arrived.length, 1);
  assert.is(server.seen[0]?.serverName, host);
});

test('a certificate that proves nothing is told with its reason, and never a request sent', async ({
  stack,
  signal,
}) => {
  const { waypoint, authority, lead, get } = await scene(stack);
  const stranger = new TestAuthority('stranger');
  const unknown = await startHttp1(stack, { authority: stranger, names: [host] });
  const misnamed = await startHttp1(stack, { authority, names: ['other.example.com'] });
  const cases = [
    [unknown.port, simple, /not valid, UNABLE_TO_VERIFY_LEAF_SIGNATURE .*issuer CN=stranger/],
    [misnamed.port, simple, /names DNS:other\.example\.com, not api\.example\.com/],
    [misnamed.port, { ...simple, sni: 'sni.example.com' }, /not sni\.example\.com/],
    [
      misnamed.port,
      { ...simple, subjectAltNames: ['spiffe://x/y', '*.example.com'] },
      /not spiffe/,
    ],
  ] as const;
  for (const [port, tls, reason] of cases) {
    lead(port, tls);
    const answer = await get();
    assert.is(answer.status, 503);
    const record = await waypoint.nextRecord(signal);
    assert.is(record.verdict.code, 'AMB1738');
    assert.match(record.verdict.reason, reason);
    assert.match(record.http?.flags ?? '', /^UF\b/);
  }
});

test('names that are given replace the host, and skipping the check skips all of it', async ({
  stack,
}) => {
  const { authority, lead, get } = await scene(stack);
  const server = await startHttp1(stack, { authority, names: ['*.internal.example', '127.0.0.1'] });
  lead(server.port, { ...simple, subjectAltNames: ['other', 'db.internal.example'] });
  assert.is((await get()).status, 200);
  lead(server.port, { ...simple, subjectAltNames: ['*.internal.example'] });
  assert.is((await get()).status, 200);
  lead(server.port, simple, { sans: ['a.internal.example'] });
  assert.is((await get()).status, 200, 'the ServiceEntry names them');
  lead(server.port, simple);
  assert.is((await get()).status, 503);
  assert.is((await get('127.0.0.1:9080')).status, 200, 'an address is proved as one');
  assert.is((await get('.internal.example')).status, 503);
  lead(server.port, { ...simple, insecureSkipVerify: true });
  assert.is((await get()).status, 200);
  assert.is(server.seen.at(-1)?.serverName, host);
});

test('a credential brings authorities and a certificate, and is taken up when it changes', async ({
  stack,
  signal,
}) => {
  const { waypoint, lead, get } = await scene(stack);
  const [servers, clients] = [new TestAuthority('servers'), new TestAuthority('clients')];
  const server = await startHttp1(stack, { authority: servers, names: [host], clients });
  const tls: ClientTls = { mode: 'MUTUAL', credentialName: 'out' };
  lead(server.port, tls);
  const refusedFor = async (): Promise<string> => {
    assert.is((await get()).status, 503);
    let record = await waypoint.nextRecord(signal);
    while (record.verdict.outcome === 'forwarded') record = await waypoint.nextRecord(signal);
    assert.match(record.http?.flags ?? '', /^UF\b/);
    return `${record.verdict.code} ${record.verdict.reason}`;
  };
  assert.match(await refusedFor(), /^AMB1739 .*credential out has not come/);
  credential(waypoint, { name: 'out', problem: 'Secret default/out does not exist' });
  assert.match(await refusedFor(), /^AMB1739 .*Secret default\/out does not exist/);
  credential(waypoint, { name: 'out', authorities: servers.rootPem });
  assert.match(await refusedFor(), /^AMB1739 .*lacks a certificate \(tls\.crt\)/);
  const own = clients.server(['client.example']);
  const whole = { name: 'out', certificateChain: own.certPem, privateKey: own.keyPem };
  credential(waypoint, { ...whole, authorities: 'nonsense' });
  assert.match(await refusedFor(), /^AMB17(39|38)/);
  credential(waypoint, { ...whole, authorities: servers.rootPem });
  assert.is((await get()).status, 200);
  assert.is(server.seen.at(-1)?.clientNames, 'DNS:client.example');
  const shown = JSON.stringify(waypoint.credentials.summaries());
  assert.match(shown, /client\.example/);
  assert.is(/PRIVATE|BEGIN/.test(shown), false);
  const renewed = clients.server(['renewed.example']);
  const next = { certificateChain: renewed.certPem, privateKey: renewed.keyPem };
  credential(waypoint, { name: 'out', ...next, authorities: servers.rootPem });
  assert.is((await get()).status, 200);
  assert.is(server.seen.at(-1)?.clientNames, 'DNS:renewed.example');
  waypoint.credentials.apply({ updated: new Map(), removed: ['out'] });
  assert.match(await refusedFor(), /^AMB1739/);
});

test('files are read again when they change', async ({ stack, signal }) => {
  const { waypoint, authority, lead, get } = await scene(stack);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tls-files-'));
  stack.defer(() => rmSync(folder, { recursive: true }));
  const caCertificates = path.join(folder, 'ca.pem');
  const server = await startHttp1(stack, { authority, names: [host] });
  lead(server.port, { mode: 'SIMPLE', caCertificates });
  assert.is((await get()).status, 503);
  const { verdict } = await waypoint.nextRecord(signal);
  assert.is(verdict.code, 'AMB1739');
  assert.match(verdict.reason, /ca\.pem/);
  writeFileSync(caCertificates, new TestAuthority('other').rootPem);
  assert.is((await get()).status, 503);
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1738');
  writeFileSync(caCertificates, `${authority.rootPem}\n`);
  assert.is((await get()).status, 200);
});

test('ISTIO_MUTUAL shows the waypoint’s own certificate outside of tunnels, and changes nothing within', async ({
  stack,
}) => {
  const { waypoint, lead, get } = await scene(stack);
  const { authority } = waypoint;
  const names = [identity('reviews')];
  const issued = await authority.issue(identity('reviews'));
  const server = await startHttp1(stack, {
    authority: Object.assign(Object.create(authority) as TestAuthority, {
      server: () => ({ certPem: issued.certChainPem, keyPem: issued.privateKeyPem }),
    }),
    names,
    clients: authority,
  });
  lead(server.port, { mode: 'ISTIO_MUTUAL' });
  assert.is((await get()).status, 200);
  const [seen] = server.seen;
  assert.is(seen?.clientNames, `URI:${identity('waypoint')}`);
  assert.is(seen?.serverName, `outbound_.9080_._.${host}`);
  lead(server.port, { mode: 'ISTIO_MUTUAL', subjectAltNames: [identity('other')] });
  assert.is((await get()).status, 503);
  const plain = await startApp(stack, (_request, response) => response.end('plain'));
  lead(plain.port, { mode: 'ISTIO_MUTUAL' }, { tunnelled: true });
  assert.is((await get()).body.toString(), 'plain');
  lead(plain.port, { mode: 'DISABLE' });
  assert.is((await get()).body.toString(), 'plain');
});

test('connections without HTTP are begun with TLS too', async ({ stack, signal }) => {
  const { waypoint, authority, lead } = await scene(stack);
  const server = await startTlsEcho(stack, { authority, names: [host] });
  lead(server.port, simple, { protocol: 'tcp' });
  const stream = await waypoint.open();
  await stream.write(Buffer.from('hello'));
  await stream.end();
  assert.is((await readAll(stream)).toString(), 'hello');
  assert.equal(server.seen, [{ serverName: host, alpn: false, clientNames: '' }]);
  await waypoint.nextRecord(signal);
  lead(server.port, { ...simple, sni: 'other.example' }, { protocol: 'tcp' });
  const refused = await waypoint.connect('10.96.0.20:9080');
  assert.is(refused.kind === 'refused' && refused.status, 503);
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1738');
});

test('what speaks no TLS is told so', async ({ stack, signal }) => {
  const { waypoint, lead, get } = await scene(stack);
  const plain = waypoint.endpoint.port;
  lead(plain, { ...simple, subjectAltNames: ['x'] });
  assert.is((await get()).status, 503);
  assert.match((await waypoint.nextRecord(signal)).verdict.code ?? '', /AMB173[78]/);
});

test('a server that answers no hello costs no more than the time for one try', async ({
  stack,
  signal,
}) => {
  const { waypoint, lead, get } = await scene(stack);
  const silent = createServer((socket) => {
    socket.on('error', () => undefined);
    stack.defer(() => void socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  stack.defer(() => void silent.close());
  lead((silent.address() as AddressInfo).port, simple);
  const [service] = waypoint.mesh.services;
  assert.ok(service);
  const key = keyOfService(service);
  const retries = { attempts: 1, retryOn: 'reset', perTryTimeoutMs: 50 };
  const backends = [{ service: key, weight: 1 }];
  const destination = {
    origin: 'DestinationRule default/out',
    subsets: [],
    policy: { tls: simple },
  };
  const routes = [{ origin: 'r', matches: [], backends, retries }];
  waypoint.configure({ service: key, routes, destination });
  assert.is((await get()).status, 504);
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1708');
  assert.is(record.http?.attempts?.length, 2);
});

test('a certificate that its authority has revoked is not accepted', async ({ stack, signal }) => {
  const { waypoint, lead, get } = await scene(stack);
  const material = rootNamed('revoking');
  const issued = await issueTo(material, identity('server'));
  const server = await startHttp1(stack, {
    authority: Object.assign(new TestAuthority(), {
      server: () => ({ certPem: issued.certChainPem, keyPem: issued.privateKeyPem }),
    }),
    names: [],
  });
  const tls: ClientTls = {
    mode: 'SIMPLE',
    credentialName: 'roots',
    subjectAltNames: [identity('server')],
  };
  lead(server.port, tls);
  const authorities = material.certPem;
  const listing = (...revoked: readonly string[]): Credential => {
    return { name: 'roots', authorities, revocationLists: revocationListPem(material, revoked) };
  };
  credential(waypoint, listing());
  assert.is((await get()).status, 200);
  await waypoint.nextRecord(signal);
  credential(waypoint, listing(issued.certChainPem));
  assert.is((await get()).status, 503);
  const { verdict } = await waypoint.nextRecord(signal);
  assert.match(verdict.reason, /CERT_REVOKED/);
  assert.is(verdict.code, 'AMB1738');
});

test.run();
