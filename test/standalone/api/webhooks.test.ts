// Validating webhooks as the embedded API server asks them: who is asked about what, and what comes of the
// answers.

import https from 'node:https';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { TestAuthority } from '../../support/certificates.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { type Answer, ask } from './https.ts';

interface Review {
  readonly apiVersion: string;
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly name: string;
    readonly namespace?: string;
    readonly subResource?: string;
    readonly resource: {
      readonly group: string;
      readonly version: string;
      readonly resource: string;
    };
    readonly userInfo: { readonly username: string };
    readonly object: ApiObject | null;
    readonly oldObject: ApiObject | null;
    readonly dryRun: boolean;
  };
}

/** What the webhook of a test answers; a text is sent as it is, undefined never answers. */
type Behaviour = (review: Review) => object | string | undefined;

interface Scene {
  readonly harness: Harness;
  readonly asked: Review[];
  behave(behaviour: Behaviour): void;
  /** Stores a configuration with one webhook that differs from the usual one. */
  configure(differences?: object): Promise<Answer>;
  send(method: string, path: string, body?: object, type?: string): Promise<Answer>;
}

const test = suite('webhooks');

const allowed: Behaviour = () => ({ allowed: true });
const configMaps = '/api/v1/namespaces/default/configmaps';
const configurations = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
const configMap = (name: string, data: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

async function startScene(stack: AsyncDisposableStack): Promise<Scene> {
  const harness = await startHarness(stack);
  const authority = new TestAuthority();
  const { certPem, keyPem } = authority.server(['127.0.0.1']);
  const asked: Review[] = [];
  let behaviour = allowed;
  const server = https.createServer({ cert: certPem, key: keyPem }, (request, response) => {
    void text(request).then((body) => {
      const review = JSON.parse(body) as Review;
      asked.push(review);
      const answer = behaviour(review);
      if (answer === undefined) return;
      const { uid } = review.request;
      const { apiVersion } = review;
      const whole = { apiVersion, kind: 'AdmissionReview', response: { uid, ...Object(answer) } };
      response.end(typeof answer === 'string' ? answer : JSON.stringify(whole));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const send: Scene['send'] = (method, path, body, type = 'application/json') =>
    ask(harness.server, {
      method,
      path,
      headers: { 'content-type': type },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  return {
    harness,
    asked,
    behave: (next) => void (behaviour = next),
    configure: (differences = {}) =>
      send('POST', configurations, {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'test' },
        webhooks: [
          {
            name: 'a.webhook.test',
            clientConfig: {
              url: `https://127.0.0.1:${port}/check`,
              caBundle: Buffer.from(authority.rootPem).toString('base64'),
            },
            rules: [
              {
                operations: ['*'],
                apiGroups: [''],
                apiVersions: ['v1'],
                resources: ['configmaps'],
              },
            ],
            sideEffects: 'None',
            admissionReviewVersions: ['v1'],
            ...differences,
          },
        ],
      }),
    send,
  };
}

test('are told who does what to which object, and what it was before', async ({ stack }) => {
  const scene = await startScene(stack);
  assert.is((await scene.configure()).code, 201);
  assert.is((await scene.send('POST', configMaps, configMap('a', { x: '1' }))).code, 201);
  const patched = await scene.send(
    'PATCH',
    `${configMaps}/a?dryRun=All`,
    { data: { x: '2' } },
    'application/merge-patch+json',
  );
  assert.is(patched.code, 200);
  await scene.send('DELETE', `${configMaps}/a`);
  const seen = scene.asked.map(({ request }) => ({
    operation: request.operation,
    name: request.name,
    namespace: request.namespace,
    before: request.oldObject?.['data'],
    after: request.object?.['data'],
    dryRun: request.dryRun,
  }));
  const shared = { name: 'a', namespace: 'default' };
  assert.equal(seen, [
    { ...shared, operation: 'CREATE', before: undefined, after: { x: '1' }, dryRun: false },
    { ...shared, operation: 'UPDATE', before: { x: '1' }, after: { x: '2' }, dryRun: true },
    { ...shared, operation: 'DELETE', before: { x: '1' }, after: undefined, dryRun: false },
  ]);
  assert.is(scene.asked[0]?.request.userInfo.username, 'ambit-admin');
  assert.equal(scene.asked[0]?.request.resource, {
    group: '',
    version: 'v1',
    resource: 'configmaps',
  });
});

test('a denial is worded as in Kubernetes, and nothing is stored', async ({ stack }) => {
  const scene = await startScene(stack);
  await scene.configure();
  scene.behave(() => ({ allowed: false, status: { message: 'not so', code: 422 } }));
  const answer = await scene.send('POST', configMaps, configMap('a'));
  assert.is(answer.code, 422);
  const { message } = JSON.parse(answer.text) as { message: string };
  assert.is(message, 'admission webhook "a.webhook.test" denied the request: not so');
  scene.behave(() => ({ allowed: false }));
  const silent = await scene.send('POST', configMaps, configMap('a'));
  assert.is(silent.code, 400);
  assert.match(silent.text, 'denied the request without explanation');
  assert.is(scene.harness.server.store.get('configmaps', 'default', 'a'), undefined);
});

test('warnings reach the caller, of denials too', async ({ stack }) => {
  const scene = await startScene(stack);
  await scene.configure();
  scene.behave(() => ({ allowed: true, warnings: ['think of "x"'] }));
  const answer = await scene.send('POST', configMaps, configMap('a'));
  assert.match(String(answer.headers.warning), '299 - "think of \\"x\\""');
  scene.behave(() => ({ allowed: false, warnings: ['told you'] }));
  const denied = await scene.send('POST', configMaps, configMap('b'));
  assert.match(String(denied.headers.warning), 'told you');
});

test('one that does not answer as it must refuses or lets pass as its failure policy says', async ({
  stack,
}) => {
  const scene = await startScene(stack);
  const failures: readonly (readonly [Behaviour, string])[] = [
    [() => undefined, 'context deadline exceeded'],
    [() => 'no JSON', 'the answer is no JSON'],
    [() => '{}', 'the answer is no AdmissionReview'],
    [() => ({ uid: 'other', allowed: true }), 'expected response.uid='],
    [() => ({ allowed: 'yes' }), 'response.allowed is missing'],
  ];
  for (const failurePolicy of ['Fail', 'Ignore']) {
    assert.is((await scene.configure({ timeoutSeconds: 1, failurePolicy })).code, 201);
    for (const [behaviour, words] of failures) {
      scene.behave(behaviour);
      const name = `a${scene.asked.length}`;
      const answer = await scene.send('POST', configMaps, configMap(name));
      assert.is(answer.code, failurePolicy === 'Fail' ? 500 : 201, words);
      if (failurePolicy === 'Ignore') continue;
      assert.match(answer.text, 'failed calling webhook \\"a.webhook.test\\": ');
      assert.ok(answer.text.includes(words.replaceAll('"', '\\"')), answer.text);
      assert.match(answer.text, '[AMB1691]');
    }
    await scene.send('DELETE', `${configurations}/test`);
  }
});

test('are asked only about what their rules and selectors name', async ({ stack }) => {
  const scene = await startScene(stack);
  const { store } = scene.harness.server;
  store.create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'quiet', labels: { quiet: 'yes' } },
  });
  await scene.configure({
    rules: [
      {
        operations: ['CREATE', 'UPDATE'],
        apiGroups: [''],
        apiVersions: ['*'],
        resources: ['*'],
        scope: 'Namespaced',
      },
    ],
    namespaceSelector: { matchExpressions: [{ key: 'quiet', operator: 'DoesNotExist' }] },
    objectSelector: { matchLabels: { judged: 'yes' } },
  });
  const judged = (name: string, labels: object): object => ({
    ...configMap(name),
    metadata: { name, labels },
  });
  const ask = async (what: string, path: string, body: object): Promise<number> => {
    const before = scene.asked.length;
    const { code } = await scene.send('POST', path, body);
    assert.is(code, 201, what);
    return scene.asked.length - before;
  };
  const yes = { judged: 'yes' };
  assert.is(await ask('selected', configMaps, judged('a', yes)), 1);
  assert.is(await ask('not selected', configMaps, judged('b', {})), 0);
  assert.is(await ask('namespace', '/api/v1/namespaces/quiet/configmaps', judged('c', yes)), 0);
  const wide = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', labels: yes } };
  assert.is(await ask('cluster-wide', '/api/v1/namespaces', wide), 0);
  const count = scene.asked.length;
  // Taking the label away is no way around.
  await scene.send(
    'PATCH',
    `${configMaps}/a`,
    { metadata: { labels: null } },
    'application/merge-patch+json',
  );
  assert.is(scene.asked.length, count + 1);
  await scene.send('DELETE', `${configMaps}/a`);
  assert.is(scene.asked.length, count + 1, 'deletions are not in its rules');
});

test('an object that others change meanwhile is judged again as it then is', async ({ stack }) => {
  const scene = await startScene(stack);
  const { store } = scene.harness.server;
  await scene.send('POST', configMaps, configMap('a', { x: '1' }));
  await scene.configure();
  let isFirst = true;
  scene.behave(() => {
    if (isFirst) store.mergePatch('configmaps', 'default', 'a', { data: { y: 'other' } });
    isFirst = false;
    return { allowed: true };
  });
  const patch = { data: { x: '2' } };
  await scene.send('PATCH', `${configMaps}/a`, patch, 'application/merge-patch+json');
  assert.equal(
    scene.asked.map(({ request }) => request.object?.['data']),
    [{ x: '2' }, { x: '2', y: 'other' }],
  );
  assert.equal(store.get('configmaps', 'default', 'a')?.['data'], { x: '2', y: 'other' });
});

test('a name that is made up is the one that was judged', async ({ stack }) => {
  const scene = await startScene(stack);
  await scene.configure();
  const body = { ...configMap(''), metadata: { generateName: 'made-' } };
  const answer = await scene.send('POST', configMaps, body);
  const { metadata } = JSON.parse(answer.text) as ApiObject;
  assert.match(metadata.name, /^made-\w{5}$/);
  assert.is(scene.asked[0]?.request.name, metadata.name);
});

test('one behind a service without endpoints cannot be asked, and deleting it is always possible', async ({
  stack,
}) => {
  const scene = await startScene(stack);
  const service = { namespace: 'default', name: 'nobody', path: '/check' };
  await scene.configure({ clientConfig: { service } });
  const answer = await scene.send('POST', configMaps, configMap('a'));
  assert.is(answer.code, 500);
  assert.match(answer.text, 'https://nobody.default.svc:443/check?timeout=10s');
  assert.match(answer.text, 'service default/nobody: the service does not exist');
  assert.is((await scene.send('DELETE', `${configurations}/test`)).code, 200);
  assert.is((await scene.send('POST', configMaps, configMap('a'))).code, 201);
});

test('configurations that could not be asked are refused with the field', async ({ stack }) => {
  const scene = await startScene(stack);
  for (const [differences, field] of [
    [{ name: 'short' }, 'webhooks[0].name'],
    [{ clientConfig: {} }, 'webhooks[0].clientConfig'],
    [{ clientConfig: { url: 'http://a/' } }, 'webhooks[0].clientConfig.url'],
    [
      { clientConfig: { url: 'https://a/', caBundle: 'AAAA' } },
      'webhooks[0].clientConfig.caBundle',
    ],
    [{ admissionReviewVersions: ['v1beta1'] }, 'webhooks[0].admissionReviewVersions'],
    [{ sideEffects: 'Some' }, 'webhooks[0].sideEffects'],
    [{ failurePolicy: 'Maybe' }, 'webhooks[0].failurePolicy'],
    [{ timeoutSeconds: 31 }, 'webhooks[0].timeoutSeconds'],
    [{ matchConditions: [{ name: 'a', expression: 'true' }] }, 'webhooks[0].matchConditions'],
    [
      {
        rules: [
          { operations: ['*', 'CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['*'] },
        ],
      },
      'webhooks[0].rules[0].operations',
    ],
  ] as const) {
    const answer = await scene.configure(differences);
    assert.is(answer.code, 422, `${field}: ${answer.text}`);
    assert.ok(answer.text.includes(`${field}: `), answer.text);
  }
});

test.run();
