// Who may call: certificates, the admin's token, ServiceAccount tokens and their review.

import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { connect } from 'node:tls';

import * as assert from 'uvu/assert';

import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { ask } from './https.ts';

const test = suite<{ api: Harness }>('access', {
  setup: async ({ stack }) => ({
    api: await startHarness(stack, { hosts: ['172.30.0.11', 'node1'] }),
  }),
});

async function requestToken(api: Harness, spec: object, account = 'default'): Promise<string> {
  const answer = await ask(api.server, {
    method: 'POST',
    path: `/api/v1/namespaces/default/serviceaccounts/${account}/token`,
    body: JSON.stringify({ spec }),
  });
  assert.is(answer.code, 201, answer.text);
  return (JSON.parse(answer.text) as { status: { token: string } }).status.token;
}

interface Review {
  readonly authenticated: boolean;
  readonly error?: string;
  readonly audiences?: string[];
  readonly user: { username?: string; groups?: string[]; extra?: Record<string, string[]> };
}

async function review(api: Harness, token: string, audiences?: string[]): Promise<Review> {
  const answer = await ask(api.server, {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/tokenreviews',
    body: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences },
    }),
  });
  return (JSON.parse(answer.text) as { status: Review }).status;
}

test('serves a certificate of its own authority for all of its names', async ({ api }) => {
  const socket = connect({
    host: '127.0.0.1',
    port: api.server.port,
    ca: api.server.caCertificate,
  });
  await new Promise((resolve, reject) => {
    socket.on('secureConnect', resolve);
    socket.on('error', reject);
  });
  assert.ok(socket.authorized);
  const certificate = new X509Certificate(socket.getPeerCertificate().raw);
  socket.destroy();
  for (const name of [
    'localhost',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'node1',
  ]) {
    assert.ok(certificate.checkHost(name), name);
  }
  for (const address of ['127.0.0.1', '::1', '10.96.0.1', 'fd00:10:96::1', '172.30.0.11']) {
    assert.ok(certificate.checkIP(address), address);
  }
  assert.is(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('writes a kubeconfig for its owner alone', async ({ api }) => {
  assert.is((await stat(api.kubeconfig)).mode & 0o777, 0o600);
  const config = api.server.kubeconfig({ name: 'mesh', namespace: 'shop' });
  assert.match(config, '"current-context": "mesh"');
  assert.match(config, '"namespace": "shop"');
  assert.match(config, `https://127.0.0.1:${api.server.port}`);
});

test('listens at more places while it runs', async ({ api }) => {
  const more = await api.server.listen({ host: '127.0.0.1', port: 0 });
  assert.is.not(more.port, api.server.port);
  const there = { ...api.server, port: more.port };
  assert.is((await ask(there, { path: '/healthz' })).text, 'ok');
  await more.close();
  const refused = await ask(there, { path: '/healthz' }).then(
    () => 'answered',
    (error: Error) => error.message,
  );
  assert.match(refused, 'ECONNREFUSED');
});

test('answers 401 to anybody else, except for health and version', async ({ api }) => {
  for (const token of [null, 'wrong', `${api.server.adminToken}x`, 'a.b.c']) {
    const answer = await ask(api.server, { path: '/api/v1/pods', token });
    assert.is(answer.code, 401, String(token));
    assert.match(answer.text, 'AMB1208');
    assert.is(answer.headers['www-authenticate'], 'Bearer');
  }
  assert.is((await ask(api.server, { path: '/healthz', token: null })).text, 'ok');
  const kubectl = await api.kubectl('--token=wrong get pods');
  assert.match(kubectl.stderr, /Unauthorized|logged in/);
});

test('lets ServiceAccount tokens of the default audience in, and no others', async ({ api }) => {
  const own = await requestToken(api, {});
  assert.is((await ask(api.server, { path: '/api/v1/pods', token: own })).code, 200);
  const mesh = await requestToken(api, { audiences: ['istio-ca'] });
  assert.is((await ask(api.server, { path: '/api/v1/pods', token: mesh })).code, 401);
  const who = await ask(api.server, {
    method: 'POST',
    path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    token: own,
    body: '{}',
  });
  assert.match(who.text, '"username":"system:serviceaccount:default:default"');
  const pods = await api.succeed(['--token', own, 'get', 'ns', 'default', '-o', 'name']);
  assert.is(pods.trim(), 'namespace/default');
});

test('reviews tokens with the pod that they are bound to', async ({ api }) => {
  const pod = api.server.store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'bound', namespace: 'default' },
    spec: { nodeName: 'node1', containers: [{ name: 'main', image: 'x' }] },
  });
  const token = await requestToken(api, {
    audiences: ['istio-ca'],
    boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'bound', uid: pod.metadata.uid },
  });
  const good = await review(api, token, ['istio-ca', 'other']);
  assert.is(good.authenticated, true);
  assert.equal(good.audiences, ['istio-ca']);
  assert.is(good.user.username, 'system:serviceaccount:default:default');
  assert.ok(good.user.groups?.includes('system:serviceaccounts:default'));
  assert.equal(good.user.extra, {
    'authentication.kubernetes.io/pod-name': ['bound'],
    'authentication.kubernetes.io/pod-uid': [pod.metadata.uid],
    'authentication.kubernetes.io/node-name': ['node1'],
  });
  const claims = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
  ) as Record<string, unknown>;
  assert.is(claims['sub'], 'system:serviceaccount:default:default');
  assert.equal(claims['aud'], ['istio-ca']);

  assert.is((await review(api, token)).authenticated, false, 'another audience');
  api.server.store.delete('pods', 'default', 'bound', { gracePeriodSeconds: 0 });
  const dead = await review(api, token, ['istio-ca']);
  assert.is(dead.authenticated, false);
  assert.match(dead.error ?? '', 'is gone');
});

test('refuses tokens that are changed, or whose account was made anew', async ({ api }) => {
  await api.succeed('create sa shortlived');
  const token = await requestToken(api, {}, 'shortlived');
  assert.is((await review(api, token)).authenticated, true);
  const [head = '', body = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const forged = Buffer.from(
    JSON.stringify({ ...claims, sub: 'system:serviceaccount:default:default' }),
  );
  assert.is(
    (await review(api, `${head}.${forged.toString('base64url')}.${signature}`)).authenticated,
    false,
  );
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  assert.is((await review(api, `${none}.${body}.`)).authenticated, false);
  await api.succeed('delete sa shortlived');
  await api.succeed('create sa shortlived');
  assert.is((await review(api, token)).authenticated, false);
});

test('bounds the life of tokens', async ({ api }) => {
  const answer = await ask(api.server, {
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token',
    body: JSON.stringify({ spec: { expirationSeconds: 10 } }),
  });
  assert.is(answer.code, 422);
  const account = api.server.store.get('serviceaccounts', 'default', 'default');
  const { token } = api.server.tokens.issue({
    serviceAccount: account!,
    pod: undefined,
    audiences: [],
    seconds: -1,
  });
  assert.match((await review(api, token)).error ?? '', 'expired');
});

test.run();
