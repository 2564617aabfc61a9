import { X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { identitiesOf, uriNamesOf } from '../../src/dataplane/certificates/certificate-names.ts';
import {
  type CertificateState,
  CertificateStore,
} from '../../src/dataplane/certificates/certificate-store.ts';
import { createKeyAndRequest } from '../../src/dataplane/certificates/key-and-request.ts';
import {
  type CertificateSource,
  certificateFrom,
  signingClient,
} from '../../src/dataplane/certificates/signing-client.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { readDer } from '../../src/wire/x509/der.ts';
import { readRequest, TestAuthority } from '../support/certificates.ts';
import { startController } from '../support/controller.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';

const test = suite('certificates');
const client = identity('client');

/** A clock whose waits end when the test says so. */
function steppedClock(): Clock & { advance(ms: number): Promise<void>; waits: number[] } {
  let now = 1_750_000_000_000;
  const waiting = new Set<{ until: number; wake: () => void }>();
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    monotonic: () => now,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        waits.push(ms);
        const entry = { until: now + ms, wake: resolve };
        waiting.add(entry);
        signal?.addEventListener('abort', () => {
          waiting.delete(entry);
          reject(signal.reason);
        });
      }),
    advance: async (ms) => {
      now += ms;
      for (const entry of waiting) {
        if (entry.until > now) continue;
        waiting.delete(entry);
        entry.wake();
      }
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    },
  };
}

function storeWith(stack: AsyncDisposableStack, source: CertificateSource, clock: Clock) {
  return stack.use(new CertificateStore({ source, clock, log: silentLogger, random: () => 0 }));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof AmbitError ? error.code : String(error);
}

test('a request names the identity, critically, and is signed by its key', async () => {
  const { csrPem } = await createKeyAndRequest(client);
  const { uris, publicKey } = readRequest(csrPem);
  assert.equal(uris, [client]);
  assert.is(publicKey.asymmetricKeyType, 'ec');
  assert.is(publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('reads every identity of a certificate, and none of what is no certificate', async () => {
  const authority = new TestAuthority();
  const { certChainPem } = await authority.issue(client);
  assert.equal(identitiesOf(new X509Certificate(certChainPem).raw), [client]);
  const root = new X509Certificate(authority.rootPem).raw;
  assert.equal(uriNamesOf(root), []);
  assert.equal(identitiesOf(Buffer.from('not a certificate')), []);
});

test('reads no DER that is cut or malformed', () => {
  assert.is(readDer(Uint8Array.of(0x30, 5, 1)), undefined);
  assert.is(readDer(Uint8Array.of(0x30, 0x80)), undefined);
  assert.is(readDer(Uint8Array.of(0x30, 0x85, 1, 1, 1, 1, 1)), undefined);
  assert.is(readDer(Uint8Array.of(0x1f, 0x81, 0)), undefined);
  assert.equal(readDer(new Uint8Array()), []);
});

test('asks the controller in the name of a workload', async ({ stack, signal }) => {
  const authority = new TestAuthority();
  const controller = await startController(stack, authority);
  const source = signingClient(controller.access, { impersonate: true });
  const certificate = await source(client, signal);
  assert.is(certificate.identity, client);
  assert.is(certificate.rootsPem, authority.rootPem);
  assert.equal(identitiesOf(new X509Certificate(certificate.certChainPem).raw), [client]);
  assert.ok(certificate.notAfterMs > certificate.notBeforeMs);
  assert.is(controller.signed[0]?.impersonatedIdentity, client);
  assert.is(controller.signed[0]?.validitySeconds, 86_400);
  await signingClient(controller.access, { impersonate: false })(client, signal);
  assert.is(controller.signed[1]?.impersonatedIdentity, undefined);
});

test('takes root and token as files or as they are, and another name for the authority', async ({
  stack,
  signal,
}) => {
  const authority = new TestAuthority();
  const controller = await startController(stack, authority);
  const { access } = controller;
  const literal = { ...access, rootCertPath: authority.rootPem, tokenPath: 'a-token' };
  const ask = (how: typeof access) =>
    signingClient(how, { impersonate: true, validityMs: 90_000 })(client, signal);
  assert.is((await ask(literal)).identity, client);
  assert.is(controller.signed[0]?.validitySeconds, 90);
  const address = access.address.replace('localhost', '127.0.0.1');
  assert.is((await ask({ ...literal, address, serverName: 'localhost' })).identity, client);
  assert.is(await codeOf(ask({ ...literal, serverName: 'elsewhere' })), 'AMB1505');
  assert.is(await codeOf(ask({ ...literal, rootCertPath: 'SYSTEM' })), 'AMB1505');
});

test('names a refusal and an authority that can not be reached', async ({ stack, signal }) => {
  const controller = await startController(stack, new TestAuthority());
  controller.sign = () => {
    throw new Error('no such pod on this node');
  };
  const source = signingClient(controller.access, { impersonate: true });
  assert.is(await codeOf(source(client, signal)), 'AMB1508');
  await controller.stop();
  assert.is(await codeOf(source(client, signal)), 'AMB1505');
  const missing = { ...controller.access, tokenPath: '/nonexistent/token' };
  assert.is(await codeOf(signingClient(missing, { impersonate: true })(client, signal)), 'AMB1505');
});

test('takes no certificate for somebody else, for another key, or without a root', async () => {
  const authority = new TestAuthority();
  const { csrPem, privateKeyPem } = await createKeyAndRequest(client);
  const other = await createKeyAndRequest(identity('other'));
  const certChain = authority.sign(csrPem);
  const codes = [
    () => certificateFrom(identity('other'), privateKeyPem, { certChain }),
    () => certificateFrom(client, other.privateKeyPem, { certChain }),
    () => certificateFrom(client, privateKeyPem, { certChain: certChain.slice(0, 1) }),
    () => certificateFrom(client, privateKeyPem, { certChain: ['x', 'y'] }),
  ].map((attempt) => {
    try {
      attempt();
      return 'none';
    } catch (error) {
      return (error as AmbitError).code;
    }
  });
  assert.equal(codes, ['AMB1509', 'AMB1509', 'AMB1509', 'AMB1509']);
});

test('keeps one certificate per identity and renews it at half of its life', async ({ stack }) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  let issued = 0;
  const store = storeWith(
    stack,
    (wanted) => {
      issued++;
      const notBeforeMs = clock.now();
      return authority.issue(wanted, { notBeforeMs, notAfterMs: notBeforeMs + 24 * 3_600_000 });
    },
    clock,
  );
  const [one, two] = await Promise.all([store.get(client), store.get(client)]);
  assert.is(one, two);
  assert.is(issued, 1);
  await clock.advance(12 * 3_600_000 - 60_000);
  assert.is(issued, 1);
  await clock.advance(61_000);
  assert.is(issued, 2);
  // The new one is taken up a few turns after it was signed; the deadline ends this if never.
  while ((await store.get(client)) === one) await new Promise(setImmediate);
});

test('uses the old certificate while renewal fails, and refuses once it has expired', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  let failing = false;
  const store = storeWith(
    stack,
    (wanted) => {
      if (failing) return Promise.reject(new AmbitError('AMB1505', 'down'));
      const notBeforeMs = clock.now();
      return authority.issue(wanted, { notBeforeMs, notAfterMs: notBeforeMs + 3_600_000 });
    },
    clock,
  );
  const first = await store.get(client);
  failing = true;
  await clock.advance(31 * 60_000);
  assert.is(await store.get(client), first);
  const [state] = store.states() as [CertificateState];
  assert.match(state.failure?.message ?? '', /down/);
  await clock.advance(30 * 60_000);
  const late = codeOf(store.get(client));
  await clock.advance(5_000);
  assert.is(await late, 'AMB1505');
  failing = false;
  await clock.advance(200_000);
  assert.ok((await store.get(client)).notAfterMs > clock.now());
});

test('waits longer after every failure, up to a limit', async ({ stack }) => {
  const clock = steppedClock();
  const store = storeWith(stack, () => Promise.reject(new Error('down')), clock);
  store.prefetch(client);
  for (let count = 0; count < 12; count++) await clock.advance(400_000);
  assert.ok(clock.waits[0]! >= 400 && clock.waits[0]! <= 600);
  assert.ok(clock.waits.at(-1)! >= 120_000 && clock.waits.at(-1)! <= 180_000);
});

test('asks at once when a connection waits and the last attempt is a while ago', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  let failing = true;
  const store = storeWith(
    stack,
    (wanted) => (failing ? Promise.reject(new Error('down')) : authority.issue(wanted)),
    clock,
  );
  store.prefetch(client);
  for (let count = 0; count < 12; count++) await clock.advance(400_000);
  failing = false;
  await clock.advance(2_000);
  const notAfterMs = (await store.get(client)).notAfterMs;
  assert.ok(notAfterMs > clock.now());
});

test('connections overtake first requests, and those overtake renewals; eight are under way at most', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  const asked: string[] = [];
  const pending: (() => void)[] = [];
  let held = false;
  const store = storeWith(
    stack,
    async (wanted) => {
      asked.push(wanted.replace(/.*\//, ''));
      if (held) await new Promise<void>((resolve) => pending.push(resolve));
      const notBeforeMs = clock.now();
      return authority.issue(wanted, { notBeforeMs, notAfterMs: notBeforeMs + 3_600_000 });
    },
    clock,
  );
  await Promise.all([store.get(identity('old-1')), store.get(identity('old-2'))]);
  held = true;
  asked.length = 0;
  const names = Array.from({ length: 8 }, (_, index) => `busy-${index}`);
  for (const name of names) store.prefetch(identity(name));
  store.renewAll();
  for (const name of ['first-1', 'first-2']) store.prefetch(identity(name));
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(asked, names, 'no more than eight at once');
  const urgent = [store.get(identity('first-2')), store.get(identity('new'))];
  while (pending.length > 0 || asked.length < 13) {
    pending.shift()?.();
    await new Promise(setImmediate);
  }
  assert.equal(asked.slice(8), ['first-2', 'new', 'first-1', 'old-1', 'old-2']);
  await Promise.all(urgent);
});

test('gives up a revoked certificate, waits for another, and uses that', async ({ stack }) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  const store = storeWith(stack, (wanted) => authority.issue(wanted), clock);
  const [first, other] = [await store.get(client), await store.get(identity('other'))];
  store.replaceRevoked((held) => held === first);
  const second = await store.get(client);
  assert.is.not(second, first);
  assert.is(await store.get(identity('other')), other);
});

test('keeps only what is wanted, and asks once more before a certificate expires', async ({
  stack,
}) => {
  const authority = new TestAuthority();
  const clock = steppedClock();
  let failures = 0;
  let failing = false;
  const store = storeWith(
    stack,
    (wanted) => {
      if (failing) return Promise.reject(new Error(`down ${++failures}`));
      const notBeforeMs = clock.now();
      return authority.issue(wanted, { notBeforeMs, notAfterMs: notBeforeMs + 300_000 });
    },
    clock,
  );
  await store.get(client);
  await store.get(identity('gone'));
  store.retain(new Set([client]));
  assert.equal(
    store.states().map((state) => state.identity),
    [client],
  );
  failing = true;
  // Back-off would put the attempt after the ninth failure past the expiry.
  for (let second = 0; second < 294; second++) await clock.advance(1_000);
  const before = failures;
  await clock.advance(1_500);
  assert.is(failures, before + 1);
});

test('stops keeping an identity that was released', async ({ stack }) => {
  const clock = steppedClock();
  const store = storeWith(stack, () => Promise.reject(new Error('down')), clock);
  store.prefetch(client);
  const waiting = codeOf(store.get(client));
  store.release(client);
  assert.is(await waiting, 'AMB1505');
  assert.equal(store.states(), []);
});

test.run();
