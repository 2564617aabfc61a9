// The validating webhook with a real API server: what it refuses, with which words, and how it is kept in
// force.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { ApiError } from '../../../src/controller/kubernetes/api-client.ts';
import { suite } from '../../support/suite.ts';
import { type AdmissionScene, configurationName, startScene } from './scene.ts';

const test = suite<{ readonly scene: AdmissionScene }>('the validating webhook', {
  setup: async ({ stack }) => {
    const scene = await startScene(stack);
    await scene.untilInForce();
    return { scene };
  },
});

const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const collection = '/apis/networking.istio.io/v1/namespaces/default/virtualservices';
const virtualService = (name: string, spec: object, more: object = {}): object => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name, ...more },
  spec,
});
const route = [{ destination: { host: 'reviews' } }];
const badRegex = { hosts: ['reviews'], http: [{ match: [{ uri: { regex: '(a' } }], route }] };
const good = { hosts: ['reviews'], http: [{ route }] };

async function refusal(send: Promise<unknown>): Promise<ApiError> {
  try {
    await send;
  } catch (error) {
    assert.instance(error, ApiError);
    return error as ApiError;
  }
  throw new Error('it was accepted');
}

test('what is invalid is refused with field, code and remedy, as a real API server words it', async ({
  scene,
}) => {
  const twice = { ...badRegex, exportTo: ['*', '.'] };
  const error = await refusal(scene.client.create(collection, virtualService('bad', twice)));
  assert.is(error.status, 400);
  assert.match(
    error.message,
    /admission webhook "validation.istio.io" denied the request: configuration is invalid: /,
  );
  assert.match(error.message, /AMB1602 spec\.http\[0\]\.match\[0\]\.uri\.regex: "\(a" is not RE2/);
  assert.match(error.message, /AMB1601 spec\.exportTo: /);
  assert.is(
    scene.api.store.get('networking.istio.io/virtualservices', 'default', 'bad'),
    undefined,
  );
});

test('objects of the revision are judged by the webhook of the revision, others by none', async ({
  scene,
}) => {
  const of = (revision: string): object =>
    virtualService(`rev-${revision}`, badRegex, { labels: { 'istio.io/rev': revision } });
  const error = await refusal(scene.client.create(collection, of('default')));
  assert.match(error.message, 'admission webhook "rev.validation.istio.io" denied the request');
  await scene.client.create(collection, of('stable'));
});

test('an edit that breaks a valid object is refused, and one that keeps it valid is not', async ({
  scene,
}) => {
  await scene.client.create(collection, virtualService('edited', good));
  const error = await refusal(
    scene.client.patch(`${collection}/edited`, 'merge', { spec: { http: [{}] } }),
  );
  assert.match(error.message, 'AMB1604 spec.http[0]: ');
  await scene.client.patch(`${collection}/edited`, 'merge', { metadata: { labels: { a: 'b' } } });
});

test('an invalid object that got in may be labelled and deleted, and corrected', async ({
  scene,
}) => {
  scene.api.store.create(
    virtualService('old', badRegex, { namespace: 'default', finalizers: ['a/b'] }) as never,
  );
  await scene.client.patch(`${collection}/old`, 'merge', { metadata: { labels: { a: 'b' } } });
  await refusal(scene.client.patch(`${collection}/old`, 'merge', { spec: { exportTo: ['.'] } }));
  await scene.client.delete(`${collection}/old`);
  await scene.client.patch(`${collection}/old`, 'merge', { metadata: { finalizers: null } });
  assert.is(
    scene.api.store.get('networking.istio.io/virtualservices', 'default', 'old'),
    undefined,
  );
});

test('what is added beside spec is named as misplaced', async ({ scene }) => {
  // The API server prunes it; a webhook of a cluster with looser definitions sees it.
  const { reviewBody } = await import('../../../src/controller/admission/review.ts');
  const object = { ...virtualService('a', good), hosts: ['reviews'] };
  const outcome = reviewBody(
    JSON.stringify({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      request: { uid: 'u', operation: 'CREATE', object },
    }),
  );
  assert.match(JSON.stringify(outcome), 'AMB1683 hosts: unknown field on VirtualService');
  assert.ok(scene.webhooks().length > 0);
});

test('a changed root or policy of the configuration is put back', async ({ scene }) => {
  const [before] = scene.webhooks();
  const webhooks = scene.webhooks().map((one) => ({
    ...one,
    failurePolicy: 'Ignore',
    clientConfig: { ...one.clientConfig, caBundle: '' },
  }));
  await scene.client.patch(`${configurations}/${configurationName}`, 'merge', { webhooks });
  await scene.running.eventually('the configuration to be put back', () => {
    const all = scene.webhooks();
    const isBack = (one: (typeof all)[number]): boolean =>
      one.failurePolicy === 'Fail' && one.clientConfig.caBundle === before?.clientConfig.caBundle;
    return all.every(isBack) || undefined;
  });
  await refusal(scene.client.create(collection, virtualService('again', badRegex)));
});

test('without the webhook writes of its kinds are refused, and others and deletions are not', async ({
  scene,
}) => {
  await scene.client.create(collection, virtualService('left', good));
  const { port } = scene.webhook;
  scene.webhook.port = 1;
  try {
    const error = await refusal(scene.client.create(collection, virtualService('new', good)));
    assert.is(error.status, 500);
    assert.match(error.message, /failed calling webhook "validation.istio.io": failed to call/);
    assert.match(error.message, 'https://istiod.istio-system.svc:443/validate?timeout=10s');
    assert.match(error.message, 'AMB1691');
    await scene.client.delete(`${collection}/left`);
    await scene.client.create('/api/v1/namespaces/default/configmaps', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'other' },
    });
  } finally {
    scene.webhook.port = port;
  }
  await scene.client.create(collection, virtualService('new', good));
});

test('what passes and fails is counted under the names of Istio', async ({ scene }) => {
  const { monitoring } = scene.running.controller.ports;
  const answer = await fetch(`http://127.0.0.1:${monitoring}/metrics`);
  const text = await answer.text();
  const labels = 'group="networking.istio.io",version="v1",resource="virtualservices"';
  assert.match(text, `galley_validation_passed{${labels}}`);
  assert.match(text, `galley_validation_failed{${labels},reason="invalid"}`);
  assert.match(text, 'galley_validation_config_updates ');
});

test('the configuration of the manifest has the names, rules and services of Istio', () => {
  const file = path.join(import.meta.dirname, '../../../deploy/controller/webhook.yaml');
  const text = readFileSync(file, 'utf8');
  for (const word of ['rev.validation.istio.io', 'path: /validate', 'port: 443', 'Ignore']) {
    assert.ok(text.includes(word), word);
  }
});

test.run();
