// What becomes of a pod's traffic when somebody takes the redirection away, until the agent has put it back.

import * as assert from 'uvu/assert';
import { applyRedirection, endCapture } from '../../src/cni/redirect/apply.ts';
import type { RedirectSettings } from '../../src/cni/redirect/rules.ts';
import { ip } from '../../src/linux/ip.ts';
import { nft } from '../../src/linux/nft.ts';
import type { ConnectOptions } from '../../src/linux/tcp.ts';
import {
  addresses,
  dial,
  families,
  loopback,
  makePodNetwork,
  type PodNetwork,
  probeAddresses,
  serve,
  usualSettings,
} from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';

const test = suite('a pod without its redirection');

const mark = 1337;
const losses = [
  'flush table inet istio-ambient-nat',
  'delete table inet istio-ambient-nat; delete table inet istio-ambient-mangle',
  'flush chain inet istio-ambient-nat istio-output; flush chain inet istio-ambient-nat istio-prerouting',
];

/** Pod alpha, which was redirected, and pod beta, which is not, each with an application at 8080. */
async function scene(
  stack: AsyncDisposableStack,
  changes: Partial<RedirectSettings> = {},
): Promise<PodNetwork> {
  const network = await makePodNetwork(stack);
  await applyRedirection(network.alpha, { ...usualSettings, ...changes });
  await serve(stack, 'alpha', { host: '::', port: 8080, namespace: network.alpha });
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  await serve(stack, 'tunnel', { host: '::', port: 15008, namespace: network.alpha, mark });
  return network;
}

async function outcome(stack: AsyncDisposableStack, options: ConnectOptions): Promise<string> {
  return await dial(stack, options).then(
    ({ arrival }) => arrival.name,
    (error: { errno?: string }) => String(error.errno),
  );
}

for (const family of families) {
  test(`has no ${family} connection in the clear`, async ({ stack }) => {
    const { alpha, beta } = await scene(stack);
    const out = { host: addresses.beta[family], port: 8080, namespace: alpha };
    const into = { host: addresses.alpha[family], port: 8080, namespace: beta };
    for (const loss of losses) {
      await applyRedirection(alpha, usualSettings);
      await nft(loss, alpha);
      assert.is(await outcome(stack, out), 'ECONNREFUSED', loss);
      assert.is(await outcome(stack, into), 'ECONNREFUSED', loss);
    }
  });

  test(`still serves the proxy, probes and itself over ${family}`, async ({ stack }) => {
    const { alpha, beta, node } = await scene(stack);
    await nft('flush table inet istio-ambient-nat', alpha);
    const own = addresses.alpha[family];
    assert.is(await outcome(stack, { host: own, port: 15008, namespace: beta }), 'tunnel');
    const proxys = { host: addresses.beta[family], port: 8080, namespace: alpha, mark };
    assert.is(await outcome(stack, proxys), 'beta');
    for (const host of [own, loopback[family]]) {
      assert.is(await outcome(stack, { host, port: 8080, namespace: alpha }), 'alpha');
    }
    const length = family === 'ipv4' ? 32 : 128;
    await ip([`address add ${probeAddresses[family]}/${length} dev cni0`], node);
    const localAddress = probeAddresses[family];
    const probe = { host: own, port: 8080, namespace: node, localAddress };
    assert.is(await outcome(stack, probe), 'alpha');
  });

  test(`takes ${family} plaintext all the same where inbound capture is bypassed`, async ({
    stack,
  }) => {
    const { alpha, beta } = await scene(stack, { bypassInbound: true });
    await nft('flush table inet istio-ambient-nat', alpha);
    const into = { host: addresses.alpha[family], port: 8080, namespace: beta };
    assert.is(await outcome(stack, into), 'alpha');
    const out = { host: addresses.beta[family], port: 8080, namespace: alpha };
    assert.is(await outcome(stack, out), 'ECONNREFUSED');
  });

  test(`goes its own way over ${family} when it was let go on purpose`, async ({ stack }) => {
    const { alpha, beta } = await scene(stack);
    await endCapture(alpha);
    const out = { host: addresses.beta[family], port: 8080, namespace: alpha };
    const into = { host: addresses.alpha[family], port: 8080, namespace: beta };
    assert.is(await outcome(stack, out), 'beta');
    assert.is(await outcome(stack, into), 'alpha');
  });
}

test.run();
