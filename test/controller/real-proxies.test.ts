import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { signingClient } from '../../src/dataplane/certificates/signing-client.ts';
import { Subscription } from '../../src/dataplane/subscription.ts';
import { subscribedKind } from '../../src/dataplane/subscription-kind.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { decodeAddress, type MeshAddress } from '../../src/wire/address.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ztunnelNode } from './proxy-client.ts';
import { type RunningController, startApi, startController } from './running-controller.ts';

const test = suite<{ running: RunningController; access: Access }>(
  'the proxies on the controller',
  {
    setup: async ({ stack }) => {
      const running = await startController(stack, await startApi(stack));
      running.apply(pods);
      return { running, access: await accessFor(running, stack) };
    },
  },
);

interface Access {
  readonly address: string;
  readonly rootCertPath: string;
  readonly tokenPath: string;
  readonly clusterId: string;
}

const pods = `
apiVersion: v1
kind: Pod
metadata: {name: ztunnel-x, namespace: istio-system}
spec: {nodeName: node1, serviceAccountName: ztunnel, containers: [{name: z, image: z}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec: {nodeName: node1, serviceAccountName: web, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.1.5}
`;

test('a node proxy obtains the certificate of a pod on its node', async ({
  running,
  access,
  signal,
}) => {
  const identity = parseIdentity('spiffe://cluster.local/ns/default/sa/web')!;
  const ask = signingClient(access, { impersonate: true });
  const certificate = await running.eventually('a certificate', () =>
    ask(identity, signal).catch(() => undefined),
  );
  assert.is(certificate.identity, identity);
  assert.ok(certificate.notAfterMs > Date.now() + 23 * 3_600_000);
});

test('a subscription becomes ready, follows changes', async ({ running, access, stack }) => {
  const held = new Map<string, MeshAddress>();
  const batches: number[] = [];
  const subscription = new Subscription({
    ...access,
    node: ztunnelNode(),
    kinds: [
      subscribedKind<MeshAddress>({
        typeUrl: typeUrls.address,
        decode: (_name, bytes) => decodeAddress(bytes),
        apply({ updated, removed }) {
          batches.push(updated.size);
          for (const [name, value] of updated) held.set(name, value);
          for (const name of removed) held.delete(name);
        },
      }),
    ],
    clock: systemClock,
    log: silentLogger,
  });
  stack.use(subscription);
  subscription.start();
  await subscription.ready;
  const uid = 'Kubernetes//Pod/default/web';
  await running.eventually('the pod', () => held.get(uid));
  assert.match(subscription.configVersion, /^[0-9a-f]{16}$/);
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: default}\nspec: {ports: [{port: 80}]}\n';
  running.apply(service);
  const key = 'default/web.default.svc.cluster.local';
  await running.eventually('the service', () => held.get(key));
  assert.is(batches.at(-1), 1);
  running.api.store.delete('services', 'default', 'web');
  await running.eventually('its removal', () => (held.has(key) ? undefined : true));
});

test.run();

async function accessFor(running: RunningController, stack: AsyncDisposableStack): Promise<Access> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-proxy-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const root = await running.eventually('root certificate', () =>
    running.api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
  );
  const rootCertPath = path.join(folder, 'root-cert.pem');
  const tokenPath = path.join(folder, 'token');
  writeFileSync(rootCertPath, (root['data'] as Record<string, string>)['root-cert.pem']!);
  writeFileSync(tokenPath, await running.token('istio-system', 'ztunnel', 'ztunnel-x'));
  const address = `localhost:${running.controller.ports.grpc}`;
  return { address, rootCertPath, tokenPath, clusterId: 'Kubernetes' };
}
