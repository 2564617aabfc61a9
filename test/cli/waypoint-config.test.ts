// ambit waypoint-config: its tables, and a waypoint asked through the API server.

import * as assert from 'uvu/assert';
import { waypointConfig } from '../../src/cli/commands/waypoint-config.ts';
import { destinationRows, routeRows } from '../../src/cli/waypoint/config-tables.ts';
import type { ServiceConfig } from '../../src/mesh/route.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { suite } from '../support/suite.ts';
import { runCommand } from './command-run.ts';
import { startPods } from './pod-servers.ts';

const test = suite('waypoint-config');

const reviews = 'shop/reviews.shop.svc';
const configs: readonly ServiceConfig[] = [
  {
    service: reviews,
    routes: [
      {
        origin: 'VirtualService shop/reviews http[0]',
        matches: [
          {
            name: 'mine',
            uri: { pathPrefix: '/a' },
            headers: [{ name: 'user', match: { exact: 'jason' }, invert: true }],
          },
          { method: { regex: 'GET|PUT' }, port: 80 },
        ],
        backends: [
          { service: reviews, subset: 'v1', weight: 3 },
          { service: reviews, port: 81, weight: 1, unresolved: 'no such subset' },
        ],
      },
      { origin: 'b', matches: [], redirect: { status: 301 } },
      { origin: 'c', matches: [{}], directResponse: { status: 404 } },
    ],
    connectionRoutes: [
      {
        origin: 'd',
        matches: [{ sniHosts: ['a.b'] }],
        backends: [{ service: reviews, weight: 1 }],
      },
    ],
    policies: [],
  },
  { service: 'shop/plain.shop.svc', routes: [], policies: [] },
];

test('routes are told in the order in which they are tried', () => {
  const host = 'shop/reviews.shop.svc';
  assert.equal(routeRows(configs).slice(1), [
    ['shop/plain.shop.svc', 'ANY', '*', 'the service itself', ''],
    [
      host,
      'HTTP',
      'uri=/a* & headers=!user:jason | method=/GET|PUT/ & port=80',
      'reviews.shop.svc subset v1 75%, reviews.shop.svc:81 25% (unresolved)',
      'VirtualService shop/reviews http[0]',
    ],
    [host, 'HTTP', '*', 'redirect 301', 'b'],
    [host, 'HTTP', '*', 'answer 404', 'c'],
    [host, 'TCP', 'sniHosts=a.b', 'reviews.shop.svc', 'd'],
  ]);
});

test('destinations have what is open and what is left out', () => {
  const one = {
    service: 'shop/reviews.shop.svc',
    subset: 'v1',
    port: 80,
    requests: 2,
    ejected: [{}],
  };
  assert.equal(destinationRows([one])[1], [one.service, 'v1', '80', '0', '2', '0', '0', '1']);
});

test('a pod of the waypoint that runs is asked', async ({ stack }) => {
  const labels = { 'gateway.networking.k8s.io/gateway-name': 'waypoint' };
  const pages = {
    '15000/config_dump': JSON.stringify({ serviceConfigs: configs, certificates: [] }),
  };
  const { api } = await startPods(stack, [
    { name: 'waypoint-a', namespace: 'shop', labels, phase: 'Pending' },
    { name: 'waypoint-b', namespace: 'shop', labels, pages },
  ]);
  const run = (...args: string[]) => runCommand(waypointConfig, [...args, '-c', api.kubeconfig]);
  assert.match((await run('routes', 'waypoint.shop')).out, 'redirect 301');
  assert.match((await run('certificates', 'waypoint', '-n', 'shop')).out, 'CERTIFICATE NAME');
  assert.is((JSON.parse((await run('route', 'waypoint.shop', '-o', 'json')).out) as []).length, 2);
  const codes = [['routes'], ['odd', 'waypoint.shop'], ['routes', 'waypoint.other']].map((args) =>
    run(...args).then(
      () => 'ran',
      (error: unknown) => codeOf(error),
    ),
  );
  assert.equal(await Promise.all(codes), ['AMB1801', 'AMB1801', 'AMB1839']);
});

test.run();
