import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { Subscription } from '../../src/dataplane/subscription.ts';
import { type ResourceBatch, subscribedKind } from '../../src/dataplane/subscription-kind.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import type { DeltaRequest, DeltaResponse } from '../../src/wire/xds.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type DiscoveryStream, type StandIn, startController } from '../support/controller.ts';
import { suite } from '../support/suite.ts';

const test = suite('subscription');

/** Waits shortly, whatever was asked. */
const hurriedClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  wait: () => new Promise((resolve) => setTimeout(resolve, 5)),
};

/** Texts; one that starts with `!` is not acceptable. */
function texts(typeUrl: string) {
  const batches: ResourceBatch<string>[] = [];
  const kind = subscribedKind<string>({
    typeUrl,
    decode: (_name, bytes) => {
      const value = Buffer.from(bytes).toString();
      return value.startsWith('!')
        ? { kind: 'problem', problem: 'not acceptable' }
        : { kind: 'ok', value };
    },
    apply: (batch) => void batches.push(batch),
  });
  return { kind, batches };
}

function start(
  stack: AsyncDisposableStack,
  controller: StandIn,
  kinds: ReturnType<typeof texts>[],
) {
  const subscription = stack.use(
    new Subscription({
      ...controller.access,
      node: { id: 'ztunnel~1', metadata: { NODE_NAME: 'node1' } },
      kinds: kinds.map(({ kind }) => kind),
      clock: hurriedClock,
      log: silentLogger,
    }),
  );
  subscription.start();
  return subscription;
}

function response(
  typeUrl: string,
  nonce: string,
  resources: Readonly<Record<string, string>>,
  removed: readonly string[] = [],
): DeltaResponse {
  return {
    systemVersion: `config-${nonce}`,
    typeUrl,
    nonce,
    resources: Object.entries(resources).map(([name, text]) => ({
      name,
      version: `v-${text}`,
      aliases: [],
      bytes: Buffer.from(text),
    })),
    removed,
  };
}

const isFirst = (request: DeltaRequest): boolean => request.responseNonce === '';

test('subscribes to everything in order, applies, acknowledges and becomes ready', async ({
  stack,
}) => {
  const controller = await startController(stack, new TestAuthority());
  const [one, two] = [texts('one'), texts('two')];
  controller.onRequest = (stream, request) => {
    if (isFirst(request)) stream.write(response(request.typeUrl, request.typeUrl, { a: 'x' }));
  };
  const subscription = start(stack, controller, [one, two]);
  await subscription.ready;
  const firsts = controller.requests.map(({ request }) => request).filter(isFirst);
  assert.equal(
    firsts.map(({ typeUrl }) => typeUrl),
    ['one', 'two'],
  );
  assert.is(firsts[0]?.node?.id, 'ztunnel~1');
  assert.equal(firsts[0]?.node?.metadata, { NODE_NAME: 'node1', AMBIT_RESPONSE_PARTS: 'true' });
  assert.equal(firsts[0]?.subscribe, []);
  assert.is(controller.requests[0]?.token, 'Bearer token-1');
  const ack = await controller.nextRequest(({ responseNonce }) => responseNonce === 'two');
  assert.is(ack.error, undefined);
  assert.equal([...one.batches[0]!.updated], [['a', 'x']]);
  assert.is(subscription.configVersion, 'config-two');
  assert.is(subscription.connected, true);
});

test('sends headers of its own, and its token and cluster whatever they say', async ({ stack }) => {
  const controller = await startController(stack, new TestAuthority());
  const headers = { 'x-tenant': 'blue', clusterid: 'other', authorization: 'Bearer none' };
  start(stack, { ...controller, access: { ...controller.access, headers } }, [texts('one')]);
  await controller.nextRequest(isFirst);
  const [first] = controller.requests;
  const sent = (name: string) => first?.stream.metadata.get(name);
  assert.equal(sent('x-tenant'), ['blue']);
  assert.equal(sent('clusterid'), ['Kubernetes']);
  assert.equal(sent('authorization'), ['Bearer token-1']);
});

test('refuses one bad resource by name, keeps the rest, and is not ready before', async ({
  stack,
}) => {
  const controller = await startController(stack, new TestAuthority());
  const one = texts('one');
  let stream: DiscoveryStream | undefined;
  controller.onRequest = (on, request) => {
    stream = on;
    if (isFirst(request))
      on.write(response('one', 'n1', { good: 'x', bad: '!', worse: '!' }, ['r']));
  };
  const subscription = start(stack, controller, [one]);
  let ready = false;
  void subscription.ready.then(() => {
    ready = true;
  });
  const nack = await controller.nextRequest(({ responseNonce }) => responseNonce === 'n1');
  assert.is(nack.error, 'bad: not acceptable; worse: not acceptable');
  assert.equal([...one.batches[0]!.updated.keys()], ['good']);
  assert.equal(one.batches[0]!.removed, ['r']);
  assert.is(ready, false);
  stream?.write(response('one', 'n2', { bad: 'better' }));
  await subscription.ready;
});

test('resumes by what it holds, reads the token anew, and hears of what went meanwhile', async ({
  stack,
}) => {
  const controller = await startController(stack, new TestAuthority());
  const one = texts('one');
  controller.onRequest = (stream, request) => {
    if (isFirst(request) && request.initialVersions.size === 0) {
      stream.write(response('one', 'n1', { a: 'x', b: 'y' }));
    }
    if (request.responseNonce === 'n1') stream.write(response('one', 'n2', { b: '!' }));
  };
  start(stack, controller, [one]);
  await controller.nextRequest(({ responseNonce }) => responseNonce === 'n2');
  await controller.stop();
  writeFileSync(controller.tokenPath, 'token-2');
  await controller.restart();
  const resumed = await controller.nextRequest(({ initialVersions }) => initialVersions.size > 0);
  // The rejected one is named without a version, so that it comes again.
  assert.equal(
    [...resumed.initialVersions],
    [
      ['a', 'v-x'],
      ['b', ''],
    ],
  );
  const found = controller.requests.find(({ request }) => request === resumed);
  assert.is(found?.token, 'Bearer token-2');
  found?.stream.write(response('one', 'n3', { b: 'new' }, ['a']));
  await controller.nextRequest(({ responseNonce }) => responseNonce === 'n3');
  assert.equal(one.batches.at(-1)?.removed, ['a']);
});

test('goes on trying while there is no controller', async ({ stack }) => {
  const controller = await startController(stack, new TestAuthority());
  await controller.stop();
  const one = texts('one');
  const subscription = start(stack, controller, [one]);
  assert.is(subscription.connected, false);
  await controller.restart();
  await controller.nextRequest(isFirst);
});

test('does not talk to a controller of another root, until its own file is right', async ({
  stack,
}) => {
  const authority = new TestAuthority('real');
  const controller = await startController(stack, authority);
  writeFileSync(controller.access.rootCertPath, new TestAuthority('other').rootPem);
  let failures = 0;
  const corrected = new Promise<void>((resolve) => {
    const kinds = [texts('one').kind];
    const observer = {
      onMessage: () => undefined,
      onStreamEnd: () => {
        failures++;
        if (failures === 3) resolve();
      },
    };
    const node = { id: 'x', metadata: {} };
    const options = { ...controller.access, node, kinds, clock: hurriedClock, log: silentLogger };
    stack.use(new Subscription({ ...options, observer })).start();
  });
  await corrected;
  assert.is(controller.requests.length, 0);
  writeFileSync(controller.access.rootCertPath, authority.rootPem);
  await controller.nextRequest(isFirst);
});

test.run();
