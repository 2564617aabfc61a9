// The webhook's server and what keeps its configuration, with everything that can be wrong around them.

import { once } from 'node:events';
import https from 'node:https';
import net from 'node:net';
import * as assert from 'uvu/assert';
import { nextStep, revisionOf } from '../../../src/controller/admission/webhook-patch.ts';
import { suite } from '../../support/suite.ts';
import { applyYaml, startController } from '../running-controller.ts';
import { type AdmissionScene, startScene } from './scene.ts';

const test = suite<{ readonly scene: AdmissionScene }>('serving the validating webhook', {
  setup: async ({ stack }) => ({ scene: await startScene(stack) }),
});

interface Sent {
  readonly status: number;
  readonly body: string;
}

function send(
  port: number,
  body: string | Buffer,
  { method = 'POST', path = '/validate', type = 'application/json' } = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        port,
        path,
        method,
        rejectUnauthorized: false,
        agent: false,
        headers: { 'content-type': type },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

const review = (request: object): string =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request });
const object = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'DestinationRule',
  metadata: { name: 'a' },
};

test('whatever it is sent, it answers with a code and goes on', async ({ scene }) => {
  const { port } = scene.webhook;
  const huge = Buffer.alloc(9 * 1024 * 1024, 'x');
  for (const [sent, status, words] of [
    [send(port, '{', {}), 400, 'AMB1680 the body is no JSON'],
    [send(port, '[]', {}), 400, 'AMB1680 kind must be AdmissionReview'],
    [
      send(port, '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}'),
      400,
      'AMB1680 apiVersion',
    ],
    [send(port, review(undefined as never)), 400, 'AMB1680 request is missing'],
    [send(port, review({ object })), 400, 'AMB1680 request.uid is missing'],
    [send(port, review({}), { method: 'GET' }), 405, 'AMB1680 use POST'],
    [send(port, review({}), { path: '/other' }), 404, '/validate'],
    [send(port, review({}), { type: 'text/plain' }), 415, 'AMB1680 the content type'],
    [send(port, huge), 413, 'AMB1682'],
  ] as const) {
    const { status: got, body } = await sent;
    assert.is(got, status, `${words}: ${body}`);
    assert.ok(body.includes(words), body);
  }
  const fine = await send(
    port,
    review({ uid: 'u', operation: 'CREATE', object: { ...object, spec: { host: 'a' } } }),
  );
  assert.equal(JSON.parse(fine.body), {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'u', allowed: true },
  });
});

test('odd objects are refused with a code, and other operations are let through', async ({
  scene,
}) => {
  const { port } = scene.webhook;
  const answer = async (request: object): Promise<string> =>
    (await send(port, review({ uid: 'u', operation: 'CREATE', ...request }))).body;
  for (const [request, words] of [
    [{ object: null }, 'AMB1680 request.object'],
    [{ object: { ...object, kind: 'Nothing' } }, 'AMB1681 kind: unrecognized type'],
    [{ object: { ...object, spec: [] } }, 'AMB1601 spec: must be an object'],
    [
      { object: { ...object, spec: { host: 'a', subsets: 'all' } } },
      'AMB1601 spec: has a field of an unexpected type',
    ],
    [{ object: { ...object, spec: { host: 'a' }, more: 1 } }, 'AMB1683 more: unknown field'],
  ] as const) {
    const body = await answer(request);
    assert.match(body, '"allowed":false');
    assert.ok(body.includes(words), body);
  }
  assert.match(await answer({ operation: 'DELETE', object: null }), '"allowed":true');
  assert.match(await answer({ operation: 'CONNECT' }), '"allowed":true');
});

test('a root that is exchanged is trusted at once, by the same certificates as before', async ({
  scene,
}) => {
  await scene.untilInForce();
  const [before] = scene.webhooks();
  // As `ambit rotate-root` does, a Secret of another authority is put in the place of the old one.
  scene.api.store.delete('secrets', 'istio-system', 'istio-ca-secret');
  await using other = new AsyncDisposableStack();
  const second = await startController(other, scene.api);
  assert.ok(second.controller.ports.webhook > 0);
  await scene.running.eventually('the new root in the configuration', () => {
    const bundles = scene.webhooks().map(({ clientConfig }) => clientConfig.caBundle);
    return (
      bundles.every((one) => one !== undefined && one !== before?.clientConfig.caBundle) ||
      undefined
    );
  });
  const bad = { ...object, metadata: { name: 'bad' }, spec: { host: '-' } };
  await scene.running.eventually('a refusal under the new root', async () => {
    const path = '/apis/networking.istio.io/v1/namespaces/default/destinationrules?dryRun=All';
    const told = await scene.client.create(path, bad).then(() => '', String);
    return told.includes('configuration is invalid: AMB1604 spec.host') || undefined;
  });
});

test('as long as the API server does not reach it, it closes nothing and says so', async ({
  stack,
}) => {
  const alone = await startScene(stack);
  alone.webhook.port = 1;
  applyYaml(
    alone.api,
    JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }),
  );
  await alone.running.eventually('the root', () => alone.webhooks()[0]?.clientConfig.caBundle);
  const metrics = async (): Promise<string> => {
    const { monitoring } = alone.running.controller.ports;
    return await (await fetch(`http://127.0.0.1:${monitoring}/metrics`)).text();
  };
  await alone.running.eventually(
    'the failed proof',
    async () =>
      /galley_validation_config_update_error\{reason="unreachable"\} [1-9]/.test(await metrics()) ||
      undefined,
  );
  assert.ok(alone.webhooks().every(({ failurePolicy }) => failurePolicy === 'Ignore'));
});

test('a connection that never speaks does not hold up the end', async ({ stack }) => {
  const { running, webhook } = await startScene(stack);
  const socket = net.connect({ host: '127.0.0.1', port: webhook.port });
  stack.defer(() => void socket.destroy());
  await once(socket, 'connect');
  const ended = once(socket, 'close');
  socket.on('error', () => {
    // The server may reset it.
  });
  await running.controller[Symbol.asyncDispose]();
  await ended;
});

const configuration = (...webhooks: object[]): never =>
  ({
    apiVersion: 'v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'a' },
    webhooks,
  }) as never;

test('what to do about a configuration is decided by what it says', () => {
  const trusted = { clientConfig: { caBundle: Buffer.from('root').toString('base64') } };
  const kinds = (webhook: object, isProven: boolean): string =>
    nextStep(configuration({ name: 'a', ...webhook }), 'root', isProven).kind;
  assert.is(kinds({}, false), 'apply');
  assert.is(kinds({ ...trusted, failurePolicy: 'Ignore' }, false), 'prove');
  assert.is(kinds({ ...trusted, failurePolicy: 'Ignore' }, true), 'apply');
  assert.is(kinds({ ...trusted, failurePolicy: 'Fail' }, false), 'nothing');
  const step = nextStep(configuration({ name: 'a', failurePolicy: 'Fail' }), 'root', false);
  assert.match(JSON.stringify(step), '"failurePolicy":"Fail"', 'what is closed stays closed');
});

test('the proof carries the revision that the webhooks ask for', () => {
  const of = (operator: string): object => ({
    objectSelector: { matchExpressions: [{ key: 'istio.io/rev', operator, values: ['blue'] }] },
  });
  assert.is(revisionOf(configuration(of('In'))), 'blue');
  assert.is(revisionOf(configuration(of('In'), of('DoesNotExist'))), undefined);
});

test.run();
