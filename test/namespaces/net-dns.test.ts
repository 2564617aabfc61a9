import { writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { openTestStore } from '../standalone/open-test-store.ts';
import { serviceObject, sliceObject } from '../standalone/service-objects.ts';
import { suite } from '../support/suite.ts';
import { runIn, TestNetwork, type TestPod } from './net-support.ts';
import { ask, refusal, serveIn } from './net-traffic.ts';

const test = suite('name service in pods', {
  setup: async ({ stack }) => {
    const net = await TestNetwork.create(stack, 'net-dns');
    const { store } = openTestStore(stack);
    const serving = await net.network.serve(store, { servers: async () => [] });
    const resolvConf = path.join(net.folder, 'resolv.conf');
    writeFileSync(
      resolvConf,
      'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
    );
    const port = { name: 'http', port: 80, protocol: 'TCP' };
    store.create(
      serviceObject('web', { clusterIPs: ['10.96.7.7', 'fd00:10:96::707'], ports: [port] }),
    );
    store.create(serviceObject('db', { clusterIP: 'None', ports: [port] }));
    return { net, store, serving, resolvConf };
  },
});

/** Runs a program in a pod with the resolver settings of a pod. */
function inPod(pod: TestPod, resolvConf: string, command: readonly string[]) {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
  return runIn(pod.namespace, 'unshare', ['-m', 'sh', '-c', script, resolvConf, ...command]);
}

test('the C library of a pod finds services by short and by full names, in both families', async ({
  stack,
  net,
  resolvConf,
}) => {
  const pod = net.pod(stack, 'node2');
  for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local']) {
    const v4 = await inPod(pod, resolvConf, ['getent', 'ahostsv4', name]);
    assert.match(v4.stdout, /^10\.96\.7\.7 /, `${name}: ${v4.stderr}`);
    const v6 = await inPod(pod, resolvConf, ['getent', 'ahostsv6', name]);
    assert.match(v6.stdout, /^fd00:10:96::707 /, `${name}: ${v6.stderr}`);
  }
  const back = await inPod(pod, resolvConf, ['getent', 'hosts', '10.96.7.7']);
  assert.match(back.stdout, /web\.default\.svc\.cluster\.local/);
  assert.is((await inPod(pod, resolvConf, ['getent', 'hosts', 'nothing'])).code, 2);
});

test('Node finds the pods of a headless service, as they come and go', async ({
  stack,
  net,
  store,
  serving,
  resolvConf,
}) => {
  const pod = net.pod(stack, 'node1');
  const lookUp = async (): Promise<unknown> => {
    const code =
      'require("dns").lookup("db",{all:true,family:4},(e,a)=>console.log(JSON.stringify(e?e.code:a.map(x=>x.address).sort())))';
    const { stdout, stderr } = await inPod(pod, resolvConf, [process.execPath, '-e', code]);
    assert.is(stderr, '');
    return JSON.parse(stdout);
  };
  assert.is(await lookUp(), 'ENOTFOUND');
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  store.apply(
    sliceObject('db', [{ address: '10.244.1.77' }, { address: '10.244.2.78' }], ports),
    'test',
  );
  await serving.settled();
  assert.equal(await lookUp(), ['10.244.1.77', '10.244.2.78']);
});

test('the cluster has its own two services from the start, and pods reach the API server', async ({
  stack,
  net,
  store,
  serving,
  resolvConf,
}) => {
  await serving.settled();
  const pod = net.pod(stack, 'node1');
  for (const node of net.network.nodes) await serveIn(stack, node.namespace, 6443, node.name);
  const { stdout } = await inPod(pod, resolvConf, ['getent', 'ahostsv4', 'kubernetes']);
  assert.match(stdout, /^10\.96\.0\.1 /);
  for (const host of ['10.96.0.1', 'fd00:10:96::1']) {
    // Each node leads to its own listener, so that a node that is cut off still has it.
    for (let round = 0; round < 8; round++) {
      assert.is((await ask(pod.namespace, host, 443)).who, 'node1');
    }
  }
  assert.ok(store.get('services', 'kube-system', 'kube-dns'));
});

test('name servers answer over TCP and IPv6 too, and only on their port', async ({
  stack,
  net,
}) => {
  const pod = net.pod(stack, 'node1');
  for (const host of ['10.96.0.10', 'fd00:10:96::a']) {
    assert.is(await refusal(pod.namespace, host, 53), undefined);
    assert.is(await refusal(pod.namespace, host, 54), 'ECONNREFUSED');
  }
});

test('foreign names fail at once when the machine has no name server', async ({
  stack,
  net,
  resolvConf,
}) => {
  const pod = net.pod(stack, 'node1');
  const { code } = await inPod(pod, resolvConf, ['getent', 'ahostsv4', 'www.example.com']);
  assert.is(code, 2);
});

test.run();
