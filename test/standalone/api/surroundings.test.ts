// Kinds that the controllers of a cluster watch or write, though nothing here acts on them: what a stock
// istiod asked for before it became ready.

import * as assert from 'uvu/assert';

import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { ask } from './https.ts';

const test = suite<{ api: Harness }>('kinds that nothing acts on', {
  setup: async ({ stack }) => ({ api: await startHarness(stack) }),
});

const collections = [
  '/apis/networking.k8s.io/v1/ingresses',
  '/apis/networking.k8s.io/v1/ingressclasses',
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  '/apis/policy/v1/poddisruptionbudgets',
  '/apis/autoscaling/v2/horizontalpodautoscalers',
];

test('can be listed across namespaces, without a warning', async ({ api }) => {
  for (const path of collections) {
    const answer = await ask(api.server, { path });
    assert.is(answer.code, 200, path);
    assert.equal((JSON.parse(answer.text) as { items: unknown }).items, [], path);
    assert.is(answer.headers['warning'], undefined, path);
  }
});

test('are kept as written, and the writer is told that nothing acts on them', async ({ api }) => {
  const backend = { service: { name: 'shop', port: { number: 80 } } };
  const rules = [
    { host: 'a.example', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } },
  ];
  const body = JSON.stringify({ metadata: { name: 'shop' }, spec: { rules } });
  const path = '/apis/networking.k8s.io/v1/namespaces/default/ingresses';
  const written = await ask(api.server, { method: 'POST', path, body });
  assert.is(written.code, 201, written.text);
  assert.match(String(written.headers['warning']), 'nothing listens for it in laptop mode');
  const read = await ask(api.server, { path: `${path}/shop` });
  assert.equal((JSON.parse(read.text) as { spec: unknown }).spec, { rules });
});

test('have the defaults that writers rely on', async ({ api }) => {
  const webhook = {
    name: 'a.example.com',
    clientConfig: { service: { namespace: 'default', name: 'hook' } },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const body = JSON.stringify({ metadata: { name: 'hook' }, webhooks: [webhook] });
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  const { code, text } = await ask(api.server, { method: 'POST', path, body });
  assert.is(code, 201, text);
  const [kept] = (JSON.parse(text) as { webhooks: object[] }).webhooks;
  const defaults = {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    timeoutSeconds: 10,
    reinvocationPolicy: 'Never',
  };
  assert.equal(kept, { ...webhook, ...defaults });
});

test.run();
