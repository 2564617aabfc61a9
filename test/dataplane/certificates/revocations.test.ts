// Revoked certificates on real tunnels: refused when they connect, ended when they are connected, on
// either end and for every link of the chain.

import * as assert from 'uvu/assert';
import { Revocations } from '../../../src/dataplane/certificates/revocations.ts';
import type { WorkloadCertificate } from '../../../src/dataplane/certificates/workload-certificate.ts';
import type { TunnelPool } from '../../../src/dataplane/tunnel/tunnel-client.ts';
import type { Identity } from '../../../src/mesh/identity.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { AmbitError } from '../../../src/runtime/errors.ts';
import { type Logger, silentLogger } from '../../../src/runtime/log.ts';
import { createRegistry } from '../../../src/runtime/metrics.ts';
import { belowOf, rootNamed } from '../../controller/ca/secrets.ts';
import { fileOf, issueTo, revocationList } from '../../support/revocation-lists.ts';
import { suite } from '../../support/suite.ts';
import {
  identity,
  readAll,
  startPool,
  startTunnelServer,
  targetAt,
} from '../../support/tunnels.ts';

const test = suite('revoked certificates');
const [client, server] = [identity('client'), identity('server')];

/** One end's knowledge of lists. */
function startRevocations() {
  const registry = createRegistry();
  const codes: unknown[] = [];
  const log: Logger = {
    ...silentLogger,
    warn: (fields: object) => void codes.push(Object.entries(fields)[0]?.[1]),
  };
  return { revocations: new Revocations({ registry, clock: systemClock, log }), registry, codes };
}

async function refusal(promise: Promise<unknown>): Promise<AmbitError> {
  const error = await promise.then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof AmbitError) return error;
  throw error;
}

/** Two ends with certificates below one authority, a stream open between them. */
async function connect(
  stack: AsyncDisposableStack,
  material: ReturnType<typeof rootNamed>,
  before: { client?: Revocations; server?: Revocations } = {},
) {
  const held = new Map<Identity, WorkloadCertificate>();
  for (const who of [client, server]) held.set(who, await issueTo(material, who));
  const authority = { issue: (who: Identity) => Promise.resolve(held.get(who)!) };
  const ends = { client: startRevocations(), server: startRevocations() };
  const refused: AmbitError[] = [];
  const served: Promise<Error | undefined>[] = [];
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: server,
    check: (before.server ?? ends.server.revocations).checkFor('destination'),
    onRefusedPeer: (error) => void refused.push(error),
    onRequest: (request) => {
      const stream = request.accept();
      served.push(
        readAll(stream)
          .then(() => stream.end())
          .then(
            () => undefined,
            (error: Error) => error,
          ),
      );
    },
  });
  const check = (before.client ?? ends.client.revocations).checkFor('source');
  const pool = startPool(stack, authority, systemClock, check);
  const pem = (who: Identity): string => held.get(who)!.certChainPem;
  return { ...ends, pool, endpoint, refused, served, pem, target: targetAt(endpoint, [server]) };
}

async function openStream(pool: TunnelPool, target: ReturnType<typeof targetAt>) {
  const result = await pool.open(target);
  if (result.kind !== 'open') throw new Error('refused');
  await result.stream.write(Buffer.from('hello'));
  return result.stream;
}

test('a client whose certificate is revoked is refused by the server, with a code', async ({
  stack,
}) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  ends.server.revocations.apply(fileOf(revocationList(root, [ends.pem(client)], { reason: 1 })));
  await refusal(ends.pool.open(ends.target));
  const [error] = ends.refused;
  assert.is(error?.code, 'AMB1521');
  assert.match(
    error?.message ?? '',
    /the peer, spiffe:.*sa\/client .*serial.* by O=root \(keyComp/,
  );
  assert.match(
    await ends.server.registry.text(),
    /istio_crl_policy_rejections_total\{reporter="destination"\} [1-9]/,
  );
});

test('a server whose certificate is revoked is refused by the client, with a code', async ({
  stack,
}) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  ends.client.revocations.apply(fileOf(revocationList(root, [ends.pem(server)])));
  assert.is((await refusal(ends.pool.open(ends.target))).code, 'AMB1521');
  assert.is(ends.pool.size, 0);
  assert.match(
    await ends.client.registry.text(),
    /istio_crl_policy_rejections_total\{reporter="source"\} 1/,
  );
});

test('every link is looked at: a revoked intermediate takes all below it', async ({ stack }) => {
  const root = rootNamed('root');
  const upper = belowOf(root, 'upper');
  const ends = await connect(stack, belowOf(upper, 'lower'));
  ends.client.revocations.apply(fileOf(revocationList(root, [upper.certPem], { reason: 2 })));
  const error = await refusal(ends.pool.open(ends.target));
  assert.is(error.code, 'AMB1521');
  assert.match(error.message, /the peer, O=upper .* by O=root \(cACompromise\)/);
});

test('others of the same authority, and serial numbers of other authorities, are let in', async ({
  stack,
}) => {
  const root = rootNamed('root');
  const other = rootNamed('other');
  const ends = await connect(stack, root);
  const stranger = await issueTo(root, identity('stranger'));
  const list = fileOf(
    revocationList(root, [stranger.certChainPem]),
    revocationList(other, [ends.pem(client), ends.pem(server)]),
  );
  ends.client.revocations.apply(list);
  ends.server.revocations.apply(list);
  await openStream(ends.pool, ends.target);
  assert.equal([ends.client.codes, ends.server.codes], [[], []]);
});

test('a connection ends when the peer is revoked, and its streams say why', async ({ stack }) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  const stream = await openStream(ends.pool, ends.target);
  const lists = fileOf(revocationList(root, [ends.pem(client)]));
  ends.server.revocations.apply(fileOf(revocationList(root, [])));
  assert.is(ends.pool.size, 1, 'an empty list ends nothing');
  ends.server.revocations.apply(lists);
  const told = (await ends.served[0]) as AmbitError;
  assert.is(told.code, 'AMB1521');
  assert.match(told.message, /the peer, .*sa\/client/);
  assert.is((await refusal(readAll(stream))).code, 'AMB1506', 'what a client without lists sees');
});

test('a pooled connection without streams ends too, and is not used again', async ({ stack }) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  const stream = await openStream(ends.pool, ends.target);
  await stream.end();
  await readAll(stream);
  await stream.closed;
  assert.is(ends.pool.size, 1);
  ends.client.revocations.apply(fileOf(revocationList(root, [ends.pem(server)])));
  assert.is((await refusal(ends.pool.open(ends.target))).code, 'AMB1521');
});

test('the end whose own certificate is revoked closes as well, and knows it', async ({ stack }) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  const stream = await openStream(ends.pool, ends.target);
  ends.client.revocations.apply(fileOf(revocationList(root, [ends.pem(client)])));
  const told = await refusal(readAll(stream));
  assert.is(told.code, 'AMB1521');
  assert.match(told.message, /the certificate of this end, .*sa\/client/);
});

test('a list that another key signed revokes nothing and is reported once', async ({ stack }) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  const forged = revocationList(root, [ends.pem(server)], { signer: rootNamed('root') });
  ends.client.revocations.apply(fileOf(forged));
  await openStream(ends.pool, ends.target);
  await openStream(ends.pool, { ...ends.target, poolScope: 'another' });
  assert.equal(ends.client.codes, ['AMB1524']);
  assert.is(ends.client.revocations.states()[0]?.finding, 'AMB1524');
});

test('an old list stays in force and is reported', async ({ stack }) => {
  const root = rootNamed('root');
  const ends = await connect(stack, root);
  const nextUpdateMs = Date.now() - 1_000;
  const old = revocationList(root, [ends.pem(server)], { nextUpdateMs });
  ends.client.revocations.apply(fileOf(old));
  assert.equal(ends.client.codes, ['AMB1523']);
  assert.is((await refusal(ends.pool.open(ends.target))).code, 'AMB1521');
});

test('where one list is broken, its issuer keeps the list that it had', async ({ stack }) => {
  const [root, other] = [rootNamed('root'), rootNamed('other')];
  const ends = await connect(stack, root);
  const { revocations } = ends.client;
  revocations.apply(fileOf(revocationList(root, [ends.pem(server)])));
  const broken = revocationList(root, []).subarray(0, 60);
  const file = fileOf(revocationList(other, []), broken);
  assert.match(file.problems.join(), /list 2/);
  revocations.apply(file);
  assert.equal(
    revocations.states().map(({ issuer, revoked }) => [issuer, revoked]),
    [
      ['O=root', 1],
      ['O=other', 0],
    ],
  );
  assert.is((await refusal(ends.pool.open(ends.target))).code, 'AMB1521');
  revocations.apply(fileOf());
  assert.equal(revocations.states(), []);
  await openStream(ends.pool, ends.target);
});

test.run();
