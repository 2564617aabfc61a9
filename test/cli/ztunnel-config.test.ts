// ambit ztunnel-config: its tables from a dump, and a whole cluster of them from running pods.

import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import * as assert from 'uvu/assert';
import type { ClusterObject } from '../../src/cli/cluster.ts';
import { ztunnelConfig } from '../../src/cli/commands/ztunnel-config.ts';
import { chooseZtunnels } from '../../src/cli/ztunnel/choose.ts';
import { connectionRows } from '../../src/cli/ztunnel/connection-rows.ts';
import { readDump } from '../../src/cli/ztunnel/dump.ts';
import { logLevelQuery } from '../../src/cli/ztunnel/log-levels.ts';
import {
  certificateRows,
  policyRows,
  serviceRows,
  workloadRows,
} from '../../src/cli/ztunnel/tables.ts';
import { loggingRoute } from '../../src/dataplane/admin.ts';
import { startAdminServer } from '../../src/runtime/admin-server.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { createLogger } from '../../src/runtime/log.ts';
import { noPods, startHarness } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './command-run.ts';
import { ztunnelDump } from './ztunnel-dump.ts';

const test = suite('ztunnel-config');
const dump = readDump(ztunnelDump, 'test');

test('workloads have all their addresses, and the waypoint by its name', () => {
  assert.equal(workloadRows(dump, {}).slice(1), [
    ['away', 'outside', 'outside.example.com', '', 'NA', 'TCP'],
    ['default', 'client-1', '10.0.0.1', 'node1', 'None', 'TCP'],
    ['default', 'reviews-1', '10.0.0.2,fd00::2', 'node2', 'waypoint', 'HBONE'],
  ]);
  const named = (filter: Parameters<typeof workloadRows>[1]): unknown =>
    workloadRows(dump, filter)
      .slice(1)
      .map(([, name]) => name);
  assert.equal(named({ namespace: 'away' }), ['outside']);
  assert.equal(named({ node: 'NODE2' }), ['reviews-1']);
  assert.equal(named({ address: 'FD00::2' }), ['reviews-1']);
  assert.equal(named({ address: 'fd00::2', node: 'node1' }), []);
});

test('services have their addresses and ranges, and count the healthy of their endpoints', () => {
  assert.equal(serviceRows(dump, {}).slice(1), [
    ['default', 'reviews', '10.9.0.1,fd00:9::1,10.8.0.0/16', 'waypoint', '1/2'],
    ['default', 'waypoint', '10.9.0.7', 'None', '0/0'],
  ]);
  const weighted = {
    ...ztunnelDump.services[1],
    weightedWaypoints: [
      { destination: 'default/waypoint.default.svc.cluster.local', weight: 90 },
      { destination: 'default/canary.default.svc.cluster.local', weight: 10 },
    ],
  };
  const two = readDump({ ...ztunnelDump, services: [ztunnelDump.services[0], weighted] }, 'test');
  assert.is(serviceRows(two, {})[1]?.[3], 'waypoint,NA');
});

test('policies are ordered by namespace', () => {
  assert.equal(policyRows(dump, {}).slice(1), [
    ['default', 'view', 'Allow', 'WorkloadSelector'],
    ['istio-system', 'deny-all', 'Deny', 'Global'],
  ]);
});

test('certificates are told with their issuers and roots, and whether they are in time', () => {
  const client = 'spiffe://cluster.local/ns/default/sa/client';
  const [from, to] = ['2026-11-21T00:00:00Z', '2026-11-22T00:00:00Z'];
  const [begin, end] = ['2026-01-01T00:00:00Z', '2036-01-01T00:00:00Z'];
  const rows = (time: string) => certificateRows(dump, Date.parse(time)).slice(1);
  assert.equal(rows('2026-11-21T12:00:00Z'), [
    [client, 'Leaf', 'Available', 'true', '1000', to, from],
    [client, 'Intermediate', 'Available', 'true', 'ff', end, begin],
    [client, 'Root', 'Available', 'true', '10', end, begin],
    ['spiffe://cluster.local/ns/default/sa/new', 'Leaf', 'Unavailable', 'false', 'NA', 'NA', 'NA'],
  ]);
  assert.is(rows(to)[0]?.[3], 'false');
});

test('connections name their ends, or are raw', () => {
  const reviews = 'reviews.default.svc.cluster.local';
  const head = ['WORKLOAD', 'DIRECTION', 'LOCAL', 'REMOTE', 'REMOTE TARGET', 'PROTOCOL'];
  assert.equal(connectionRows(dump, { raw: false }), [
    head,
    [
      'client-1.default',
      'Outbound',
      'client-1.default:40000',
      'reviews-1.default:15008',
      `${reviews}:80`,
      'HBONE',
    ],
    ['reviews-1.default', 'Inbound', 'reviews-1.default:8080', '[fd00::9]:40000', reviews, 'HBONE'],
  ]);
  assert.equal(connectionRows(dump, { raw: true, direction: 'inbound' }), [
    head,
    ['reviews-1.default', 'Inbound', '[fd00::2]:8080', '[fd00::9]:40000', reviews, 'HBONE'],
  ]);
  assert.is(connectionRows(dump, { raw: true, namespace: 'away' }).length, 1);
});

test('the maps of older ztunnels are read as lists are, and nonsense counts as empty', () => {
  const [first, second] = ztunnelDump.workloads;
  const maps = { ...ztunnelDump, workloads: { 'net/10.0.0.2': first, 'net/10.0.0.1': second } };
  assert.equal(
    workloadRows(readDump(maps, 'old'), {}).map(([, name]) => name),
    ['POD NAME', 'client-1', 'reviews-1'],
  );
  const odd = readDump(
    { workloads: [null, 7, { workloadIps: 'x' }], services: 3, policies: null },
    'o',
  );
  assert.is(workloadRows(odd, {}).length, 4);
  assert.is(serviceRows(odd, {}).length, 1);
  assert.throws(
    () => readDump({ clusters: [] }, 'envoy.json'),
    (error: unknown) => codeOf(error) === 'AMB1834' && String(error).includes('envoy.json'),
  );
});

test('log levels are asked for in the words of proxies', () => {
  const query = (level: string): string =>
    decodeURIComponent(logLevelQuery({ level, reset: false }));
  assert.is(logLevelQuery({ reset: false }), '');
  assert.is(logLevelQuery({ reset: true }), '?reset=');
  assert.is(query('warning'), '?level=warn');
  assert.is(query('access:debug,INFO'), '?level=access=debug,info');
  assert.is(query('ztunnel::proxy=critical'), '?level=ztunnel::proxy=error');
  for (const flags of [
    { level: 'loud', reset: false },
    { level: 'info', reset: true },
    { reset: false, output: 'json' },
  ]) {
    assert.throws(() => logLevelQuery(flags), /AMB1801/);
  }
});

const pod = (name: string, node: string, phase = 'Running', app = 'ztunnel'): ClusterObject => ({
  metadata: { name, namespace: 'istio-system', labels: { app } },
  spec: { nodeName: node },
  status: { phase },
});

test('a node proxy is chosen by name, by type, by node, or for running', () => {
  const pods = [
    pod('ztunnel-a', 'node1', 'Pending'),
    pod('ztunnel-b', 'node2'),
    pod('istiod-1', 'node1', 'Running', 'istiod'),
  ];
  const names = (choice: { name?: string; node?: string }): unknown =>
    chooseZtunnels(pods, { namespace: 'istio-system', ...choice }).map((one) => one.metadata.name);
  assert.equal(names({}), ['ztunnel-b', 'ztunnel-a']);
  assert.equal(names({ name: 'ztunnel-a' }), ['ztunnel-a']);
  assert.equal(names({ name: 'pod/ztunnel-a.istio-system' }), ['ztunnel-a']);
  assert.equal(names({ name: 'ds/ztunnel' }), ['ztunnel-b', 'ztunnel-a']);
  assert.equal(names({ node: 'Node2' }), ['ztunnel-b']);
  for (const choice of [{ name: 'istiod-1' }, { name: 'ztunnel-a.other' }, { node: 'node3' }]) {
    assert.throws(() => names(choice), /AMB1835.*there are ztunnel-a on node1/);
  }
  assert.throws(() => chooseZtunnels([], { namespace: 'x' }), /AMB1835.*app=ztunnel/);
});

test('reads a file, in every form', async ({ stack }) => {
  const api = await startHarness(stack);
  const file = path.join(api.folder, 'dump.json');
  await writeFile(file, JSON.stringify(ztunnelDump));
  const run = (...args: string[]) => runCommand(ztunnelConfig, [...args, '-f', file]);
  assert.is(
    (await run('policies')).out,
    [
      'NAMESPACE      POLICY NAME   ACTION   SCOPE',
      'default        view          Allow    WorkloadSelector',
      'istio-system   deny-all      Deny     Global',
      '',
    ].join('\n'),
  );
  const json = await run('svc', '--service-namespace', 'default', '-o', 'json');
  assert.equal(JSON.parse(json.out), [ztunnelDump.services[1], ztunnelDump.services[0]]);
  assert.match((await run('w', '-o', 'yaml')).out, '- workloadIps: []\n');
  const all = (await run('all', '--with-headers')).out;
  for (const title of ['WORKLOAD\n', 'SERVICE\n', 'POLICY\n', 'CERTIFICATE\n', 'CONNECTIONS\n']) {
    assert.match(all, title);
  }
  const refused = async (...args: string[]): Promise<string> =>
    await run(...args).then(
      () => 'taken',
      (error: Error) => error.message,
    );
  assert.match(await refused('routes'), 'AMB1801');
  assert.match(await refused('workload', '-o', 'xml'), 'AMB1801');
  assert.match(await refused('connections', '--direction', 'up'), 'AMB1801');
  await writeFile(file, '{');
  assert.match(await refused('workload'), `AMB1834 ${file}`);
});

test('asks running node proxies through the API server', async ({ stack }) => {
  const log = createLogger('ztunnel', 'info');
  const admin = await startAdminServer(
    { host: '127.0.0.1', port: 0 },
    {
      '/config_dump': () => ({ status: 200, body: JSON.stringify(ztunnelDump) }),
      '/logging': loggingRoute(log),
    },
  );
  stack.use(admin);
  const broken = createServer((_request, response) => {
    response.writeHead(500).end('out of order');
  }).listen(0, '127.0.0.1');
  stack.defer(() => void broken.close());
  const connectTo = async (_namespace: string, name: string) => {
    const other = (broken.address() as AddressInfo).port;
    return connect(name === 'ztunnel-b' ? other : admin.port, '127.0.0.1');
  };
  const api = await startHarness(stack, { podAccess: { ...noPods, connect: connectTo } });
  for (const name of ['ztunnel-a', 'ztunnel-b']) {
    const metadata = { name, namespace: 'istio-system', labels: { app: 'ztunnel' } };
    const spec = { nodeName: `node-of-${name}`, containers: [{ name: 'main', image: 'x' }] };
    const { store } = api.server;
    if (store.get('namespaces', '', 'istio-system') === undefined) {
      store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'istio-system' } });
    }
    store.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    store.mergePatch('pods', 'istio-system', name, { status: { phase: 'Running' } }, 'status');
  }
  const run = (...args: string[]) =>
    runCommand(ztunnelConfig, [...args, '--kubeconfig', api.kubeconfig]);
  assert.is((await run('workload')).out.split('\n').length, 5);
  assert.match((await run('service', '--node', 'node-of-ztunnel-a')).out, 'reviews');
  const set = await run('log', '--level', 'debug');
  assert.is(set.code, 1, 'one of the two is out of order');
  assert.is(set.out, 'ztunnel-a.istio-system:\ncurrent log level is debug\n\n');
  assert.match(set.err, 'ztunnel-b.istio-system: AMB1833');
  assert.match(set.err, 'answered 500: out of order');
  const reset = await run('log', 'ztunnel-a', '--reset');
  assert.equal(
    [reset.code, reset.out],
    [0, 'ztunnel-a.istio-system:\ncurrent log level is info\n\n'],
  );
});

test.run();
