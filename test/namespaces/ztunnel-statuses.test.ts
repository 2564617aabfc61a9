// The statuses of a node proxy to whoever asks it for a tunnel (protocol sections 3.3 and 3.6), and what it
// keeps of them.

import * as assert from 'uvu/assert';
import { connectTcp } from '../../src/linux/tcp.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { addresses, families, serve } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { aPolicy, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { identity, startPool, targetAt } from '../support/tunnels.ts';
import { nextRecord, startTwoPods, type TwoPods } from './ztunnel-support.ts';

const test = suite('answers to requests for tunnels');

/** Asks the node proxy of beta, as a proxy in alpha's pod would. */
async function ask(
  stack: AsyncDisposableStack,
  pods: TwoPods,
  wanted: { readonly authority: string; readonly family?: 'ipv4' | 'ipv6' },
) {
  const { authority, family = 'ipv4' } = wanted;
  const pool = startPool(stack, pods.authority);
  const peer = { address: ipAddress(addresses.beta[family]), port: 15_008 };
  const connect = () =>
    connectTcp({ host: peer.address, port: peer.port, namespace: pods.network.alpha, mark: 0x539 });
  const sourceIdentity = identity('alpha');
  return await pool.open(
    targetAt(peer, [identity('beta')], { authority, connect, sourceIdentity }),
  );
}

const rows: readonly (readonly [string, string, number, string])[] = [
  ['no port', '10.78.0.3', 400, 'AMB1414'],
  ['a port beyond the range', '10.78.0.3:70000', 400, 'AMB1414'],
  ['another pod', '10.78.0.2:8080', 400, 'AMB1415'],
  ['an address outside', '192.0.2.1:80', 400, 'AMB1415'],
  ['IPv6 of another pod', '[fd78::2]:8080', 400, 'AMB1415'],
  ['a name nobody has', 'nobody.default.svc.cluster.local:80', 503, 'AMB1406'],
  ['a port the service has not', 'echo.default.svc.cluster.local:81', 503, 'AMB1406'],
  ['a port of the mesh', '10.78.0.3:15006', 503, 'AMB1408'],
  ['a port where nobody listens', '10.78.0.3:9', 503, 'AMB1409'],
];

for (const [what, authority, status, code] of rows) {
  test(`${what}: ${status}, with ${code} in the answer, the record and the metric`, async ({
    stack,
    signal,
  }) => {
    const pods = await startTwoPods(stack);
    const result = await ask(stack, pods, { authority });
    assert.is(result.kind, 'refused');
    assert.is(result.kind === 'refused' && result.status, status);
    const record = await nextRecord(pods.proxies.beta, () => true, signal);
    assert.is(record.verdict.code, code);
    assert.is(result.headers.get('ambit-decision'), `${record.id} ${code}`);
    const metrics = await pods.registries.beta.text();
    assert.match(metrics, new RegExp(`ambit_tunnel_refusals_total\\{code="${code}"\\} 1\\b`));
  });
}

test('a denial is 401', async ({ stack }) => {
  const pods = await startTwoPods(stack);
  pods.publish({ policies: [aPolicy('none', 'deny', [{ destinationPorts: [8080] }])] });
  const result = await ask(stack, pods, { authority: '10.78.0.3:8080' });
  assert.is(result.kind === 'refused' && result.status, 401);
});

for (const family of families) {
  test(`what may pass over ${family} is 200 once the application is there, and tells of it`, async ({
    stack,
  }) => {
    const pods = await startTwoPods(stack);
    await serve(stack, 'beta', { host: '::', port: 8080, namespace: pods.network.beta });
    const host = family === 'ipv4' ? addresses.beta.ipv4 : `[${addresses.beta.ipv6}]`;
    for (const authority of [`${host}:8080`, 'echo.default.svc.cluster.local:80']) {
      const result = await ask(stack, pods, { authority, family });
      assert.is(result.kind, 'open');
      assert.match(result.headers.get('baggage') ?? '', /k8s\.pod\.name=beta/);
    }
  });
}

test('tells nothing of the pod where baggage is switched off', async ({ stack }) => {
  const pods = await startTwoPods(stack, { baggage: false });
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: pods.network.beta });
  const result = await ask(stack, pods, { authority: '10.78.0.3:8080' });
  assert.is(result.kind, 'open');
  assert.not(result.headers.has('baggage'));
});

test('counts a peer that proves no identity of this mesh', async ({ stack, signal }) => {
  const pods = await startTwoPods(stack);
  const stranger = { ...pods, authority: new TestAuthority('another root') };
  const outcome = await ask(stack, stranger, { authority: '10.78.0.3:8080' }).then(
    () => 'open',
    () => 'failed',
  );
  assert.is(outcome, 'failed');
  const record = await nextRecord(pods.proxies.beta, () => true, signal);
  assert.is(record.verdict.code, 'AMB1503');
  assert.match(
    await pods.registries.beta.text(),
    /ambit_tunnel_refusals_total\{code="AMB1503"\} 1\b/,
  );
});

test('serves a waypoint without a tunnel of its own what is bound to it', async ({ stack }) => {
  const pods = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: pods.network.beta });
  const destination = {
    kind: 'address',
    network: '',
    address: ipAddress(addresses.beta.ipv4),
  } as const;
  const alpha: Workload = { ...pods.workloads.alpha, waypoint: { destination, hbonePort: 15_008 } };
  pods.publish({ workloads: [alpha] });
  const result = await ask(stack, pods, { authority: '10.78.0.2:8080' });
  assert.is(result.kind, 'open', 'delivered to the waypoint itself');
});

test.run();
