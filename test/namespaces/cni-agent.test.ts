import path from 'node:path';
import * as assert from 'uvu/assert';
import { verifyRedirection } from '../../src/cni/redirect/apply.ts';
import { nft } from '../../src/linux/nft.ts';
import { until } from '../cni/fake-ztunnel.ts';
import { addresses, usualSettings } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { AgentScene, mode, tablesIn } from './agent-scene.ts';

const test = suite('node agent', { deadlineMs: 40_000 });

test('a label on the namespace takes running pods in, and its removal lets them out', async ({
  stack,
}) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  const uid = scene.pod('cart', addresses.alpha);
  scene.pod('stays-out', addresses.beta, { labels: { [mode]: 'none' } });
  scene.label('namespaces', 'shop', 'ambient');
  await scene.becomes('cart', 'enabled');
  assert.equal(await verifyRedirection(scene.network.alpha, usualSettings), []);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  assert.is(await tablesIn(scene.network.beta), 0);
  assert.is(scene.annotation('stays-out'), undefined);
  const joined = 'joined the mesh: namespace label istio.io/dataplane-mode=ambient';
  await until(() => scene.messages('cart').includes(joined), 'the event');
  assert.match(await scene.registry.text(), /ambit_enrolled_pods 1\b/);

  scene.label('namespaces', 'shop', null);
  await scene.becomes('cart', undefined);
  await until(async () => (await tablesIn(scene.network.alpha)) === 0, 'the rules to go');
  await until(() => ztunnel.words.at(-1) === `del ${uid}`, 'ztunnel to hear of it');
});

test("the pod's own label decides against that of its namespace", async ({ stack }) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  scene.pod('cart', addresses.alpha);
  scene.label('pods', 'cart', 'ambient');
  await scene.becomes('cart', 'enabled');
  scene.label('namespaces', 'shop', 'ambient');
  scene.label('pods', 'cart', 'none');
  await scene.becomes('cart', undefined);
});

test('a starting pod is in the mesh before its first process runs', async ({ stack }) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const uid = scene.pod('cart');
  const elsewhere = `/somewhere/else/${path.basename(scene.network.paths.alpha)}`;
  const { exitCode, result } = await scene.add('cart', elsewhere, addresses.alpha);
  assert.is(exitCode, 0, JSON.stringify(result));
  assert.equal(await verifyRedirection(scene.network.alpha, usualSettings), []);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  assert.is(scene.annotation('cart'), 'enabled');

  scene.label('namespaces', 'shop', null);
  scene.pod('plain');
  const plain = await scene.add('plain', scene.network.paths.beta, addresses.beta);
  assert.is(plain.exitCode, 0);
  assert.is(await tablesIn(scene.network.beta), 0);
});

test('no pod of the mesh starts while no ztunnel is there, and those that run wait', async ({
  stack,
}) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  scene.label('namespaces', 'shop', 'ambient');
  scene.pod('cart');
  const { exitCode, result } = await scene.add('cart', scene.network.paths.alpha, addresses.alpha);
  assert.is(exitCode, 1);
  assert.match(String(result['msg']), /^AMB1303 .*AMB1306/);
  await scene.becomes('cart', 'pending');
  scene.pod('running', addresses.beta);
  await scene.becomes('running', 'pending');
  assert.is(await tablesIn(scene.network.beta), 0);
  await scene.ztunnel();
  await scene.becomes('running', 'enabled');
  assert.equal(await verifyRedirection(scene.network.beta, usualSettings), []);
});

test('another agent takes enrolled pods over, and repairs what was changed meanwhile', async ({
  stack,
}) => {
  const scene = await AgentScene.make(stack);
  const first = await scene.agent();
  await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const uid = scene.pod('cart', addresses.alpha);
  await scene.becomes('cart', 'enabled');
  await first[Symbol.asyncDispose]();
  assert.equal(await verifyRedirection(scene.network.alpha, usualSettings), []);
  await nft('delete table inet istio-ambient-mangle', scene.network.alpha);

  await scene.agent();
  const ztunnel = await scene.ztunnel();
  await until(() => ztunnel.words.includes('snapshot-sent'), 'the snapshot');
  assert.equal(ztunnel.words, [`add ${uid}`, 'snapshot-sent']);
  assert.is(ztunnel.namespaces.get(uid), scene.network.alpha.id);
  await until(
    async () => (await verifyRedirection(scene.network.alpha, usualSettings)).length === 0,
    'the repair',
  );
});

test('pods that end or are deleted leave the mesh', async ({ stack }) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  const ztunnel = await scene.ztunnel();
  scene.label('namespaces', 'shop', 'ambient');
  const job = scene.pod('job', addresses.alpha);
  const cart = scene.pod('cart', addresses.beta);
  await scene.becomes('job', 'enabled');
  await scene.becomes('cart', 'enabled');
  scene.patchStatus('job', { phase: 'Succeeded' });
  await scene.becomes('job', undefined);
  await until(() => ztunnel.words.includes(`del ${job}`), 'the job to leave');
  scene.api.store.delete('pods', 'shop', 'cart', { gracePeriodSeconds: 0 });
  await until(() => ztunnel.words.includes(`del ${cart}`), 'the pod to leave');
});

test('goes on when the API server was away', async ({ stack }) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  scene.pod('cart', addresses.alpha);
  await scene.restartApi();
  scene.label('namespaces', 'shop', 'ambient');
  await scene.becomes('cart', 'enabled');
});

test('says in words which annotation it cannot read', async ({ stack }) => {
  const scene = await AgentScene.make(stack);
  await scene.agent();
  await scene.ztunnel();
  const annotations = { 'ambient.istio.io/dns-capture': 'perhaps' };
  scene.pod('cart', addresses.alpha, { annotations, labels: { [mode]: 'ambient' } });
  await scene.becomes('cart', 'enabled');
  await until(
    () => scene.messages('cart').some((text) => /AMB1308 .*dns-capture=perhaps/.test(text)),
    'the event',
  );
});

test.run();
