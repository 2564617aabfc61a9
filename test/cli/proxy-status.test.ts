// ambit proxy-status: its tables, and several replicas of a controller asked for their proxies.

import * as assert from 'uvu/assert';
import { proxyStatus } from '../../src/cli/commands/proxy-status.ts';
import type { ConnectedProxy, ProxyType } from '../../src/cli/control-plane.ts';
import { proxyRows, typeRows } from '../../src/cli/proxy-status-rows.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './command-run.ts';
import { startPods, type TestPod } from './pod-servers.ts';

const test = suite('proxy-status');

const synced = (type: string): ProxyType => ({ type, state: 'SYNCED', acknowledged: 'c0ffee' });
const proxy = (
  name: string,
  types: readonly ProxyType[],
  version = '0.1.0',
  namespace = 'istio-system',
): ConnectedProxy => ({
  proxy: { kind: 'ztunnel', name, namespace },
  build: { cluster: 'Kubernetes', version },
  types,
  peer: '10.0.0.1:5000',
});
const refused = { type: 'WADS', state: 'ERROR', acknowledged: '', reason: 'no idea' };
const proxies = [
  { controller: 'istiod-b', connected: proxy('ztunnel-2', [refused, synced('WDS')]) },
  {
    controller: 'istiod-a',
    connected: proxy(
      'waypoint-1',
      [{ ...synced('SCDS'), state: 'STALE' }, synced('ECDS'), synced('WDS')],
      '1.29.0',
      'default',
    ),
  },
];

test('a row has the proxy, who serves it, its version and its types', () => {
  assert.equal(proxyRows(proxies, false), [
    ['NAME', 'CLUSTER', 'ISTIOD', 'VERSION', 'SUBSCRIBED TYPES'],
    ['waypoint-1.default', 'Kubernetes', 'istiod-a', '1.29.0', '3 (ECDS,SCDS,WDS)'],
    ['ztunnel-2.istio-system', 'Kubernetes', 'istiod-b', '0.1.0', '2 (WADS,WDS)'],
  ]);
});

test('with a column for each type, what a proxy did not ask for is IGNORED', () => {
  assert.equal(
    proxyRows(proxies, true).map((row) => row.slice(4)),
    [
      ['WDS', 'WADS', 'SCDS', 'ECDS'],
      ['SYNCED', 'IGNORED', 'STALE', 'SYNCED'],
      ['SYNCED', 'ERROR', 'IGNORED', 'IGNORED'],
    ],
  );
});

test('one proxy is told with the reason of its refusal', () => {
  assert.equal(typeRows(proxies[0]!.connected).slice(1), [
    ['WADS', 'ERROR', 'none', 'no idea'],
    ['WDS', 'SYNCED', 'c0ffee', ''],
  ]);
});

const controller = (name: string, connected: readonly ConnectedProxy[]): TestPod => ({
  name,
  labels: { app: 'istiod' },
  pages: { '15014/debug/proxies': JSON.stringify({ connected, refusals: [] }) },
});

test('every replica is asked, and what is missing is named', async ({ stack }) => {
  const ztunnel = { labels: { app: 'ztunnel' } };
  const { api } = await startPods(stack, [
    controller('istiod-a', [proxies[1]!.connected]),
    controller('istiod-b', [proxies[0]!.connected]),
    { name: 'istiod-c', labels: { app: 'istiod' } },
    { name: 'ztunnel-2', ...ztunnel },
    { name: 'ztunnel-lost', ...ztunnel },
    { name: 'ztunnel-new', ...ztunnel, phase: 'Pending' },
  ]);
  const run = (...args: string[]) =>
    runCommand(proxyStatus, [...args, '--kubeconfig', api.kubeconfig]);
  const ran = await run();
  assert.is(ran.code, 1, 'one replica did not answer');
  assert.is(ran.out.split('\n').length, 4);
  assert.match(ran.err, 'AMB1833 Pod istio-system/istiod-c');
  assert.match(ran.err, 'ztunnel-lost.istio-system runs and is connected to no controller');
  assert.not.match(ran.err, 'ztunnel-2.');
  assert.not.match(ran.err, 'ztunnel-new');
  assert.equal(JSON.parse((await run('-o', 'json')).out).length, 2);
  const single = await run('pod/ztunnel-2.istio-system');
  assert.match(
    single.out,
    'ztunnel-2.istio-system   cluster Kubernetes   istiod-b   version 0.1.0',
  );
  assert.match(single.out, /WADS +ERROR +none +no idea/);
  const codes = [['ztunnel-9'], ['-v', '2'], ['-i', 'elsewhere']].map((args) =>
    run(...args).then(
      () => 'ran',
      (error: unknown) => codeOf(error),
    ),
  );
  assert.equal(await Promise.all(codes), ['AMB1838', 'AMB1801', 'AMB1836']);
});

test('a controller that does not tell is another program', async ({ stack }) => {
  const { api } = await startPods(stack, [
    { name: 'istiod-1', labels: { app: 'istiod' }, pages: { '15014/ready': '' } },
    {
      name: 'istiod-2',
      labels: { app: 'istiod' },
      pages: { '15014/debug/proxies': '{"connected":[{}]}' },
    },
  ]);
  const { code, err } = await runCommand(proxyStatus, ['--kubeconfig', api.kubeconfig]);
  assert.is(code, 1);
  assert.match(err, 'AMB1837 Pod istio-system/istiod-1: /debug/proxies answered 404');
  assert.match(err, 'AMB1837 Pod istio-system/istiod-2: it does not tell how far its proxies are');
});

test.run();
