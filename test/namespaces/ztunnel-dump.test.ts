// What istioctl reads of a running proxy: connections that are open now, certificates, workloads.

import { once } from 'node:events';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/runtime/clock.ts';
import { createLogger } from '../../src/runtime/log.ts';
import { readSettings } from '../../src/runtime/settings.ts';
import { adminRoutes } from '../../src/ztunnel/admin.ts';
import type { NodeProxy } from '../../src/ztunnel/node-proxy.ts';
import { settingsTable } from '../../src/ztunnel/settings.ts';
import { addresses, dial, serve } from '../cni/pod-network.ts';
import { suite } from '../support/suite.ts';
import { nextRecord, startTwoPods } from './ztunnel-support.ts';

const test = suite('the dump of a node proxy');

interface Dump {
  readonly workloads: readonly { readonly name: string; readonly protocol: string }[];
  readonly certificates: readonly {
    readonly identity: string;
    readonly state: string;
    readonly certChain: readonly { readonly pem: string }[];
  }[];
  readonly workloadState: Readonly<
    Record<string, { readonly state: string; readonly connections: unknown }>
  >;
}

async function dumpOf(proxy: NodeProxy): Promise<Dump> {
  const routes = adminRoutes({
    proxy,
    settings: readSettings(settingsTable, { NODE_NAME: 'n', POD_NAME: 'p' }),
    clock: systemClock,
    log: createLogger('test', 'silent'),
    subscription: { configVersion: 'c0ffee' } as never,
    quit: () => undefined,
  });
  const request = { method: 'GET', query: new URLSearchParams(), accept: '' };
  const answer = await routes['/config_dump']!(request);
  return JSON.parse(answer.body) as Dump;
}

test('lists a connection at both ends while it is open, and no longer', async ({
  stack,
  signal,
}) => {
  const { network, proxies } = await startTwoPods(stack);
  await serve(stack, 'beta', { host: '::', port: 8080, namespace: network.beta });
  const target = addresses.beta.ipv4;
  const { socket } = await dial(stack, { host: target, port: 8080, namespace: network.alpha });
  socket.write('ping');
  await once(socket, 'data');
  const at = `${target}:8080`;
  const src = `${addresses.alpha.ipv4}:${socket.localPort}`;
  const alpha = await dumpOf(proxies.alpha);
  assert.equal(alpha.workloadState['uid-alpha']?.connections, {
    inbound: [],
    outbound: [{ src, originalDst: at, actualDst: `${target}:15008`, protocol: 'HBONE' }],
  });
  const beta = await dumpOf(proxies.beta);
  const { inbound } = beta.workloadState['uid-beta']!.connections as {
    inbound: readonly Record<string, unknown>[];
  };
  assert.is(inbound.length, 1);
  assert.is(inbound[0]?.['actualDst'], at);
  assert.is(inbound[0]?.['protocol'], 'HBONE');
  assert.equal(
    beta.workloads.map(({ name, protocol }) => `${name} ${protocol}`),
    ['alpha HBONE', 'beta HBONE'],
  );
  const own = beta.certificates.find(({ identity }) => identity.endsWith('/beta'));
  assert.is(own?.state, 'Available');
  const pem = Buffer.from(own?.certChain[0]?.pem ?? '', 'base64').toString();
  assert.match(pem, '-----BEGIN CERTIFICATE-----');
  socket.end();
  await nextRecord(proxies.alpha, () => true, signal);
  const after = await dumpOf(proxies.alpha);
  assert.equal(after.workloadState['uid-alpha']?.connections, { inbound: [], outbound: [] });
});

test.run();
