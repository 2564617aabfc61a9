// An authority exchanged while the mesh runs: what proxies are given, and tunnels that must not fail
// while a root is rotated in its documented steps.

import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { CertificateAuthority } from '../../../src/controller/ca/authority.ts';
import { LiveAuthority } from '../../../src/controller/ca/live-authority.ts';
import { loadAuthority } from '../../../src/controller/ca/load-authority.ts';
import { readSigningRequest } from '../../../src/controller/ca/signing-request.ts';
import { CertificateStore } from '../../../src/dataplane/certificates/certificate-store.ts';
import { followRoots } from '../../../src/dataplane/certificates/follow-roots.ts';
import { createKeyAndRequest } from '../../../src/dataplane/certificates/key-and-request.ts';
import { certificateFrom } from '../../../src/dataplane/certificates/signing-client.ts';
import { TunnelPool } from '../../../src/dataplane/tunnel/tunnel-client.ts';
import type { Identity } from '../../../src/mesh/identity.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { type Logger, silentLogger } from '../../../src/runtime/log.ts';
import { createRegistry } from '../../../src/runtime/metrics.ts';
import { suite } from '../../support/suite.ts';
import { identity, startTunnelServer, targetAt } from '../../support/tunnels.ts';
import { temporaryFolder } from '../running-controller.ts';
import { belowOf, newPublicKey, rootNamed, Secrets } from './secrets.ts';

const test = suite('rotation of the authority');
const dayMs = 86_400_000;
/** Waits a hundredth as long, for parts that look at something again and again. */
const hurried: Clock = { ...systemClock, wait: (ms, signal) => systemClock.wait(ms / 100, signal) };

async function startLive(
  stack: AsyncDisposableStack,
  secrets: Secrets,
  log: Logger = silentLogger,
) {
  const first = await loadAuthority(secrets, 'cluster.local', Date.now(), silentLogger);
  const registry = createRegistry();
  const live = stack.use(
    new LiveAuthority(first, { secrets, registry, clock: systemClock, log, lookEveryMs: 5 }),
  );
  const exchanged = (change: () => void): Promise<void> =>
    new Promise((resolve) => {
      const unsubscribe = live.subscribe(() => {
        unsubscribe();
        resolve();
      });
      change();
    });
  return { live, registry, exchanged };
}

const leafIssuer = (chain: readonly string[]): string => new X509Certificate(chain[0]!).issuer;

/** What the certificate service answers. */
async function obtain(live: LiveAuthority, wanted: Identity) {
  const { csrPem, privateKeyPem } = await createKeyAndRequest(wanted);
  const read = readSigningRequest(csrPem);
  if (read.kind === 'problem') throw new Error(read.problem);
  const { publicKey } = read.value;
  const chain = live.issue({ publicKey, uris: [wanted], ttlMs: dayMs }, Date.now());
  return certificateFrom(wanted, privateKeyPem, { certChain: [...chain, live.rootPem] });
}

test('answers leaf, each intermediate and the root bundle, which a peer with the roots accepts', () => {
  const root = rootNamed('root');
  const lowest = belowOf(belowOf(root, 'upper'), 'lower');
  const authority = new CertificateAuthority(lowest, 'test');
  const chain = authority.issue({ publicKey: newPublicKey(), uris: [], ttlMs: dayMs }, Date.now());
  const links = chain.map((pem) => new X509Certificate(pem));
  assert.equal(
    links.map(({ issuer }) => issuer),
    ['O=lower', 'O=upper', 'O=root'],
  );
  assert.is(authority.rootPem, root.rootPem);
  for (const [index, link] of links.entries()) {
    const above = links[index + 1] ?? new X509Certificate(root.rootPem);
    assert.ok(link.verify(above.publicKey));
  }
  assert.ok(createPublicKey(root.certPem).equals(new X509Certificate(authority.rootPem).publicKey));
});

test('refuses an authority that is below none of its roots', () => {
  const orphan = { ...belowOf(rootNamed('one'), 'x'), rootPem: rootNamed('other').rootPem };
  assert.throws(
    () => new CertificateAuthority(orphan, 'Secret cacerts'),
    /AMB1636 .*root-cert.pem/,
  );
});

test('takes over a changed Secret, and keeps what is in force when the change is broken', async ({
  stack,
}) => {
  const secrets = new Secrets();
  const [one, two] = [rootNamed('one'), rootNamed('two')];
  secrets.plugIn(one);
  const { live, registry, exchanged } = await startLive(stack, secrets);
  const issue = () => live.issue({ publicKey: newPublicKey(), uris: [], ttlMs: dayMs }, Date.now());
  await exchanged(() => secrets.plugIn(two));
  assert.is(leafIssuer(issue()), 'O=two');
  secrets.plugIn({ ...one, keyPem: two.keyPem });
  while (!(await registry.text()).includes('{result="failed"} 1')) await systemClock.wait(1);
  assert.is(leafIssuer(issue()), 'O=two');
  await exchanged(() => secrets.plugIn(one));
  assert.is(leafIssuer(issue()), 'O=one');
});

test('warns of an exchange that leaves old and new certificates without a common root', async ({
  stack,
}) => {
  const secrets = new Secrets();
  const [one, two] = [rootNamed('one'), rootNamed('two')];
  secrets.plugIn(one);
  const codes: unknown[] = [];
  const warn = (fields: object) => void codes.push(Object.entries(fields)[0]?.[1]);
  const { exchanged } = await startLive(stack, secrets, { ...silentLogger, warn });
  await exchanged(() => secrets.plugIn({ ...one, rootPem: one.rootPem + two.rootPem }));
  await exchanged(() => secrets.plugIn({ ...two, rootPem: one.rootPem + two.rootPem }));
  await exchanged(() => secrets.plugIn(two));
  assert.equal(codes, []);
  await exchanged(() => secrets.plugIn(one));
  assert.equal(codes, ['AMB1637']);
});

test('tunnels never fail while a root is rotated step by step', async ({ stack, signal }) => {
  const secrets = new Secrets();
  const [old, fresh] = [rootNamed('old'), rootNamed('fresh')];
  secrets.plugIn(old);
  const { live, exchanged } = await startLive(stack, secrets);
  const rootFile = path.join(temporaryFolder(stack), 'root-cert.pem');
  writeFileSync(rootFile, live.rootPem);
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const startStore = () => {
    const certificates = stack.use(
      new CertificateStore({
        source: (wanted) => obtain(live, wanted),
        clock: systemClock,
        log: silentLogger,
      }),
    );
    const parts = { certificates, clock: hurried, log: silentLogger, random: Math.random };
    void followRoots({ path: rootFile, ...parts }, ended.signal);
    return certificates;
  };
  const [clientStore, serverStore] = [startStore(), startStore()];
  const server = identity('server');
  const { endpoint } = await startTunnelServer(stack, {
    authority: { issue: (wanted) => obtain(live, wanted) },
    identity: server,
    certificate: () => serverStore.get(server),
    onRequest: (request) => request.refuse(401),
  });
  const pool = stack.use(
    new TunnelPool({
      certificate: (who) => clientStore.get(who),
      clock: systemClock,
      log: silentLogger,
    }),
  );
  let opened = 0;
  const open = async (): Promise<void> => {
    // A scope of its own makes each a new connection with a new handshake.
    const target = targetAt(endpoint, [server], { poolScope: `pod-${opened++}` });
    assert.is((await pool.open(target, { signal })).kind, 'refused');
  };
  const both = async () => [
    await clientStore.get(identity('client')),
    await serverStore.get(server),
  ];
  /** Opens tunnels all the time until both sides have what was changed to. */
  const until = async (isDone: (issuer: string, roots: string) => boolean): Promise<void> => {
    for (;;) {
      await open();
      const held = await both();
      const done = held.every(({ certChainPem, rootsPem }) =>
        isDone(new X509Certificate(certChainPem).issuer, rootsPem),
      );
      if (done) return;
      await systemClock.wait(1, signal);
    }
  };
  const step = async (change: () => void): Promise<void> => {
    await exchanged(change);
    writeFileSync(rootFile, live.rootPem);
  };
  await until((issuer) => issuer === 'O=old');
  await step(() => secrets.plugIn({ ...old, rootPem: old.rootPem + fresh.rootPem }));
  await until((issuer, roots) => issuer === 'O=old' && roots === old.rootPem + fresh.rootPem);
  await step(() => secrets.plugIn({ ...fresh, rootPem: old.rootPem + fresh.rootPem }));
  await until((issuer, roots) => issuer === 'O=fresh' && roots === fresh.rootPem + old.rootPem);
  await step(() => secrets.plugIn(fresh));
  await until((issuer, roots) => issuer === 'O=fresh' && roots === fresh.rootPem);
  assert.ok(opened > 4);
});

test.run();
