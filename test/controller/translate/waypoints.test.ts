// Which waypoint serves which object: every label, scope and kind of traffic.

import * as assert from 'uvu/assert';
import type { ObjectTables } from '../../../src/controller/objects.ts';
import { bindWaypoint, collectWaypoints } from '../../../src/controller/translate/waypoints.ts';
import { suite } from '../../support/suite.ts';
import { tablesFrom } from '../tables.ts';

const test = suite('which waypoint serves an object');

interface Case {
  readonly title: string;
  readonly subject?: 'service' | 'workload';
  /** Labels of the object, of its namespace `app`, and of the Gateway. */
  readonly object?: object;
  readonly namespace?: object;
  readonly gateway?: object;
  readonly home?: string;
  readonly from?: string;
  readonly ready?: boolean;
  /** The waypoint, the refusal, or `none`. */
  readonly found: string;
}

const use = { 'istio.io/use-waypoint': 'wp' };
const across = { ...use, 'istio.io/use-waypoint-namespace': 'infra' };
const kind = (traffic: string): object => ({ 'istio.io/waypoint-for': traffic });
const cases: readonly Case[] = [
  { title: 'no label asks for none', found: 'none' },
  { title: 'a namespace asks for its services', namespace: use, found: 'app/wp' },
  { title: 'a service asks for itself', object: use, found: 'app/wp' },
  {
    title: 'a service opts out of its namespace',
    namespace: use,
    object: { 'istio.io/use-waypoint': 'none' },
    found: 'none',
  },
  {
    title: 'a service prefers its own',
    namespace: { 'istio.io/use-waypoint': 'bogus' },
    object: use,
    found: 'app/wp',
  },
  {
    title: 'a name that is nobody',
    object: { 'istio.io/use-waypoint': 'bogus' },
    found: 'WaypointNotFound',
  },
  {
    title: 'one of another namespace that admits',
    object: across,
    home: 'infra',
    from: 'All',
    found: 'infra/wp',
  },
  {
    title: 'one of another namespace that does not',
    object: across,
    home: 'infra',
    found: 'AttachmentDenied',
  },
  {
    title: 'a namespace asks across',
    namespace: across,
    home: 'infra',
    from: 'All',
    found: 'infra/wp',
  },
  {
    title: 'one that has never been ready',
    object: use,
    ready: false,
    found: 'WaypointIsNotReady',
  },
  {
    title: 'a workload at one for services',
    subject: 'workload',
    object: use,
    found: 'UnsupportedTrafficType',
  },
  {
    title: 'a workload that inherits one for services',
    subject: 'workload',
    namespace: use,
    found: 'none',
  },
  {
    title: 'a workload at one for workloads',
    subject: 'workload',
    object: use,
    gateway: kind('workload'),
    found: 'app/wp',
  },
  {
    title: 'a service at one for workloads',
    object: use,
    gateway: kind('workload'),
    found: 'UnsupportedTrafficType',
  },
  { title: 'a service at one for all', object: use, gateway: kind('all'), found: 'app/wp' },
  {
    title: 'a workload at one for all',
    subject: 'workload',
    namespace: use,
    gateway: kind('all'),
    found: 'app/wp',
  },
  {
    title: 'a service at one for none',
    object: use,
    gateway: kind('none'),
    found: 'UnsupportedTrafficType',
  },
];

function tablesOf({
  object = {},
  namespace = {},
  gateway = {},
  home = 'app',
  from = 'Same',
  ready = true,
}: Case): ObjectTables {
  const objects = [
    { kind: 'Namespace', metadata: { name: 'app', labels: namespace } },
    { kind: 'Namespace', metadata: { name: 'infra' } },
    { kind: 'Service', metadata: { namespace: 'app', name: 'reviews', labels: object }, spec: {} },
    {
      kind: 'Gateway',
      metadata: { namespace: home, name: 'wp', labels: gateway },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [
          {
            name: 'mesh',
            port: 15_008,
            protocol: 'HBONE',
            allowedRoutes: { namespaces: { from } },
          },
        ],
      },
      ...(ready && {
        status: { addresses: [{ type: 'Hostname', value: `wp.${home}.svc.cluster.local` }] },
      }),
    },
  ];
  return tablesFrom(objects.map((one) => JSON.stringify(one)).join('\n---\n'));
}

for (const one of cases) {
  test(`${one.title}: ${one.found}`, () => {
    const tables = tablesOf(one);
    const object = tables.get('Service', 'app', 'reviews');
    if (object === undefined) throw new Error('the service is not in the tables');
    const binding = bindWaypoint(
      object,
      one.subject ?? 'service',
      tables,
      collectWaypoints(tables),
    );
    const found =
      binding.kind === 'bound'
        ? `${binding.waypoint.namespace}/${binding.waypoint.name}`
        : binding.kind === 'refused'
          ? binding.reason
          : 'none';
    assert.is(found, one.found);
  });
}

test.run();
