import { X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import { createKeyAndRequest } from '../../src/dataplane/certificates/key-and-request.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import { decodeAddress } from '../../src/wire/address.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ProxyStream, requestCertificate, ztunnelNode } from './proxy-client.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController; rootPem: string }>(
  'controller on the embedded API',
  {
    setup: async ({ stack }) => {
      const api = await startApi(stack);
      const running = await startController(stack, api);
      const root = await running.eventually('root certificate', () =>
        api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
      );
      return { running, rootPem: (root['data'] as Record<string, string>)['root-cert.pem']! };
    },
  },
);

const policies = 'security.istio.io/authorizationpolicies';

const pods = `
apiVersion: v1
kind: Pod
metadata: {name: ztunnel-x, namespace: istio-system}
spec: {nodeName: node1, serviceAccountName: ztunnel, containers: [{name: z, image: z}]}
status: {phase: Running, podIP: 172.30.0.11, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}, annotations: {ambient.istio.io/redirection: enabled}}
spec: {nodeName: node1, serviceAccountName: web, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.1.5, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: default}
spec: {nodeName: node2, serviceAccountName: far, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.2.5}
`;

test('puts the root certificate into every namespace, new ones too', async ({
  running,
  rootPem,
}) => {
  running.apply('apiVersion: v1\nkind: Namespace\nmetadata: {name: later}\n');
  const found = await running.eventually('root in the new namespace', () =>
    running.api.store.get('configmaps', 'later', 'istio-ca-root-cert'),
  );
  assert.equal(found['data'], { 'root-cert.pem': rootPem });
});

test('is ready, and tells what it publishes', async ({ running }) => {
  const { readiness, monitoring } = running.controller.ports;
  assert.is((await fetch(`http://127.0.0.1:${readiness}/ready`)).status, 200);
  const dump = (await (await fetch(`http://127.0.0.1:${monitoring}/debug/config_dump`)).json()) as {
    version: string;
  };
  assert.match(dump.version, /^[0-9a-f]{16}$/);
  const metrics = await (await fetch(`http://127.0.0.1:${monitoring}/metrics`)).text();
  assert.match(metrics, /^pilot_xds \d+$/m);
});

test('signs for a node proxy what runs on its node, and nothing else', async ({
  running,
  rootPem,
}) => {
  running.apply(pods);
  const token = await running.token('istio-system', 'ztunnel', 'ztunnel-x');
  const ask = async (account: string) => {
    const identity = parseIdentity(`spiffe://cluster.local/ns/default/sa/${account}`)!;
    const { csrPem } = await createKeyAndRequest(identity);
    return await requestCertificate(running.address, rootPem, token, {
      csrPem: csrPem,
      validitySeconds: 3600,
      impersonatedIdentity: identity,
    });
  };
  const { certChain } = await running.eventually('a certificate', () =>
    ask('web').catch(() => undefined),
  );
  const leaf = new X509Certificate(certChain[0]!);
  assert.is(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/web');
  assert.is(leaf.subject, undefined);
  assert.ok(leaf.verify(new X509Certificate(rootPem).publicKey));
  assert.ok(leaf.checkIssued(new X509Certificate(rootPem)));
  assert.is(certChain.at(-1), rootPem);
  assert.ok(Date.parse(leaf.validFrom) < Date.now() - 100_000);
  await rejects(ask('far'), /AMB1633 no pod of default\/far runs on node node1/);
});

test('gives anyone else only its own identity', async ({ running, rootPem }) => {
  const token = await running.token('default', 'web');
  const identity = parseIdentity('spiffe://cluster.local/ns/default/sa/web')!;
  const { csrPem } = await createKeyAndRequest(identity);
  const own = await requestCertificate(running.address, rootPem, token, {
    csrPem: csrPem,
    validitySeconds: 0,
  });
  assert.is(new X509Certificate(own.certChain[0]!).subjectAltName, `URI:${identity}`);
  const asking = (fields: object, withToken: string | undefined = token) =>
    requestCertificate(running.address, rootPem, withToken, {
      csrPem: csrPem,
      validitySeconds: 0,
      ...fields,
    });
  await rejects(
    asking({ impersonatedIdentity: 'spiffe://cluster.local/ns/default/sa/far' }),
    /AMB1633 default\/web is not among the trusted node accounts/,
  );
  await rejects(asking({ validitySeconds: 10 ** 9 }), /AMB1635/);
  await rejects(asking({ csrPem: 'nonsense' }), /AMB1634/);
  await rejects(asking({}, 'not-a-token'), /AMB1631/);
  await rejects(
    requestCertificate(running.address, rootPem, undefined, {
      csrPem: csrPem,
      validitySeconds: 0,
    }),
    /AMB1631/,
  );
});

test('answers both types at once, even when empty, and then only what changes', async ({
  running,
  rootPem,
  stack,
}) => {
  running.apply(pods);
  const token = await running.token('istio-system', 'ztunnel');
  const stream = new ProxyStream(stack, running.address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.address);
  stream.subscribe(typeUrls.authorization);
  const first = await stream.next();
  assert.is(first.typeUrl, typeUrls.authorization);
  assert.equal(first.resources, []);
  stream.ack(first);
  const second = await stream.next();
  assert.is(second.typeUrl, typeUrls.address);
  assert.match(second.systemVersion, /^[0-9a-f]{16}$/);
  stream.ack(second);
  running.apply(pods.replace('redirection: enabled', 'redirection: pending').split('---')[1]!);
  const change = await stream.next();
  assert.equal(
    change.resources.map(({ name }) => name),
    ['Kubernetes//Pod/default/web'],
  );
  const decoded = decodeAddress(change.resources[0]!.bytes);
  assert.is(
    decoded.kind === 'ok' &&
      decoded.value.kind === 'workload' &&
      decoded.value.workload.tunnelProtocol,
    'none',
  );
  stream.ack(change);
  running.api.store.delete('pods', 'default', 'web', { gracePeriodSeconds: 0 });
  const removal = await stream.until(({ removed }) => removed.length > 0);
  assert.equal(removal.removed, ['Kubernetes//Pod/default/web']);
});

test('sends a policy before the workloads that refer to it', async ({
  running,
  rootPem,
  stack,
}) => {
  running.apply(pods);
  const token = await running.token('istio-system', 'ztunnel');
  stack.defer(() => running.api.store.delete(policies, 'default', 'web'));
  const stream = new ProxyStream(stack, running.address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.address);
  stream.subscribe(typeUrls.authorization);
  stream.ack(await stream.next());
  await stream.until(({ resources }) => resources.some(({ name }) => name.endsWith('default/web')));
  running.apply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: default}
spec: {selector: {matchLabels: {app: web}}, action: DENY, rules: [{}]}
`);
  const policy = await stream.next();
  assert.equal(
    policy.resources.map(({ name }) => name),
    ['default/web'],
  );
  stream.ack(policy);
  const workload = await stream.next();
  assert.equal(
    workload.resources.map(({ name }) => name),
    ['Kubernetes//Pod/default/web'],
  );
  stream.ack(workload);
});

test.run();

async function rejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.match(String(error), pattern);
    return;
  }
  assert.unreachable('was not refused');
}
