import * as assert from 'uvu/assert';
import type { GatewayView } from '../../src/mesh/find-gateway.ts';
import { type OutboundPlan, planOutbound } from '../../src/mesh/plan-outbound.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import { type GatewayAddress, serviceKey, type Workload } from '../../src/mesh/workload.ts';
import { stateOf } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('plan an outbound connection');

const source = aWorkload('client', { addresses: [ipAddress('10.0.0.1')] });
const echo = aService('echo', { addresses: [{ network: '', address: ipAddress('10.96.0.1') }] });
const behindEcho = { services: new Map([[keyOfService(echo), []]]) };
const pod = aWorkload('echo-1', { addresses: [ipAddress('10.0.0.2')], ...behindEcho });
const plainPod = aWorkload('legacy', {
  addresses: [ipAddress('10.0.0.3')],
  tunnelProtocol: 'none',
});

const waypointService = aService('waypoint', {
  addresses: [{ network: '', address: ipAddress('10.96.0.50') }],
  ports: [{ servicePort: 15_008, targetPort: 15_008, appProtocol: 'unknown' }],
});
const waypointPod = aWorkload('waypoint-1', {
  addresses: [ipAddress('10.0.0.50')],
  serviceAccount: 'waypoint',
  services: new Map([[keyOfService(waypointService), []]]),
});
const byHostname: GatewayAddress = {
  destination: { kind: 'hostname', namespace: 'default', hostname: waypointService.hostname },
  hbonePort: 15_008,
};
const byAddress: GatewayAddress = {
  destination: { kind: 'address', network: '', address: ipAddress('10.96.0.50') },
  hbonePort: 15_008,
};

function plan(
  view: GatewayView,
  address: string,
  port: number,
  from: Workload = source,
  random = 0,
): OutboundPlan {
  return planOutbound(view, {
    source: from,
    destination: { address: ipAddress(address), port },
    network: '',
    random: () => random,
  });
}

/** A plan in one line. */
function told(result: OutboundPlan): string {
  switch (result.kind) {
    case 'deny':
      return `deny ${result.code}`;
    case 'unresolved':
      return `unresolved ${result.hostname}: ${told(result.at(ipAddress('192.0.2.5')))}`;
    case 'plain':
      return `plain ${result.peer.address}:${result.peer.port}`;
    case 'tunnel':
    case 'waypoint':
    case 'gateway':
      return `${result.kind} ${result.peer.address}:${result.peer.port} for ${result.authority}`;
  }
}

const bound = (waypoint: GatewayAddress): Service => ({ ...echo, waypoint });
const base = [source, pod, plainPod];
const withWaypoint = [...base, waypointPod];

const cases: readonly (readonly [string, GatewayView, string, number, string])[] = [
  [
    'tunnels to a service endpoint by its target port',
    stateOf(base, [echo]),
    '10.96.0.1',
    80,
    'tunnel 10.0.0.2:15008 for 10.0.0.2:8080',
  ],
  [
    'tunnels to a pod by the port dialled',
    stateOf(base, [echo]),
    '10.0.0.2',
    1234,
    'tunnel 10.0.0.2:15008 for 10.0.0.2:1234',
  ],
  ['goes plain to a pod outside the mesh', stateOf(base, []), '10.0.0.3', 80, 'plain 10.0.0.3:80'],
  ['goes plain to the unknown', stateOf(base, []), '192.0.2.9', 443, 'plain 192.0.2.9:443'],
  ['goes plain to unknown IPv6', stateOf(base, []), '2001:db8::9', 443, 'plain 2001:db8::9:443'],
  ['refuses loopback on a mesh port', stateOf(base, []), '127.0.0.1', 15_001, 'deny AMB1408'],
  ['passes loopback on other ports', stateOf(base, []), '127.0.0.1', 80, 'plain 127.0.0.1:80'],
  ['refuses an unknown service port', stateOf(base, [echo]), '10.96.0.1', 81, 'deny AMB1406'],
  [
    'refuses a service without endpoints',
    stateOf([source], [echo]),
    '10.96.0.1',
    80,
    'deny AMB1405',
  ],
  [
    'sends service traffic to the waypoint as it was dialled',
    stateOf(withWaypoint, [bound(byHostname), waypointService]),
    '10.96.0.1',
    80,
    'waypoint 10.0.0.50:15008 for 10.96.0.1:80',
  ],
  [
    'finds a waypoint by its address',
    stateOf(withWaypoint, [bound(byAddress), waypointService]),
    '10.96.0.1',
    80,
    'waypoint 10.0.0.50:15008 for 10.96.0.1:80',
  ],
  [
    'even for a port that the service does not declare, which the waypoint will judge',
    stateOf(withWaypoint, [bound(byHostname), waypointService]),
    '10.96.0.1',
    81,
    'waypoint 10.0.0.50:15008 for 10.96.0.1:81',
  ],
  [
    'refuses when the waypoint is not known',
    stateOf(base, [bound(byHostname)]),
    '10.96.0.1',
    80,
    'deny AMB1407',
  ],
  [
    'refuses when the waypoint has no endpoints',
    stateOf(base, [bound(byHostname), waypointService]),
    '10.96.0.1',
    80,
    'deny AMB1407',
  ],
  [
    "uses a pod's own waypoint for traffic to the pod",
    stateOf([source, { ...pod, waypoint: byHostname }, waypointPod], [echo, waypointService]),
    '10.0.0.2',
    8080,
    'waypoint 10.0.0.50:15008 for 10.0.0.2:8080',
  ],
  [
    "does not use a pod's waypoint for traffic to a service",
    stateOf([source, { ...pod, waypoint: byHostname }, waypointPod], [echo, waypointService]),
    '10.96.0.1',
    80,
    'tunnel 10.0.0.2:15008 for 10.0.0.2:8080',
  ],
  [
    'refuses an endpoint on another network',
    stateOf([source, { ...pod, network: 'n2' }], [echo]),
    '10.96.0.1',
    80,
    'deny AMB1413',
  ],
  [
    'asks for the address of an endpoint that only has a name',
    stateOf([source, { ...pod, addresses: [], hostname: 'x.example' }], [echo]),
    '10.96.0.1',
    80,
    'unresolved x.example: tunnel 192.0.2.5:15008 for 192.0.2.5:8080',
  ],
  [
    'passes a passthrough service on as dialled',
    stateOf(base, [
      {
        ...echo,
        loadBalancing: { mode: 'passthrough', routingPreference: [], healthPolicy: 'allow-all' },
      },
    ]),
    '10.96.0.1',
    8443,
    'plain 10.96.0.1:8443',
  ],
];

for (const [what, view, address, port, expected] of cases) {
  test(what, () => {
    assert.is(told(plan(view, address, port)), expected);
  });
}

const gatewayService = aService('east-west', { ports: waypointService.ports });
const gatewayPod = aWorkload('east-west-1', {
  network: 'n2',
  addresses: [ipAddress('10.0.0.70'), ipAddress('fd00::70')],
  serviceAccount: 'east-west',
  services: new Map([[keyOfService(gatewayService), []]]),
});
const networkGateway: GatewayAddress = {
  destination: { kind: 'hostname', namespace: 'default', hostname: gatewayService.hostname },
  hbonePort: 15_008,
};
const far = { ...pod, uid: 'far', network: 'n2', addresses: [], networkGateway };
const named = { ...echo, subjectAltNames: ['spiffe://cluster.local/ns/default/sa/echo'] };
const beyond = [source, far, gatewayPod];
const throughIt = 'gateway 10.0.0.70:15008 for echo.default.svc.cluster.local:80';

const networks: readonly (readonly [string, GatewayView, string])[] = [
  ['asks the gateway for the service', stateOf(beyond, [named, gatewayService]), throughIt],
  [
    'finds the gateway by its address',
    stateOf(
      [
        source,
        {
          ...far,
          networkGateway: {
            destination: { kind: 'address', network: 'n2', address: ipAddress('10.0.0.70') },
            hbonePort: 0,
          },
        },
        gatewayPod,
      ],
      [named],
    ),
    throughIt,
  ],
  [
    'finds the gateway by the name of a workload, and asks for its address',
    stateOf(
      [
        source,
        far,
        { ...gatewayPod, addresses: [], services: new Map(), hostname: gatewayService.hostname },
      ],
      [named],
    ),
    'unresolved east-west.default.svc.cluster.local: gateway 192.0.2.5:15008 for echo.default.svc.cluster.local:80',
  ],
  ['refuses without a gateway that is known', stateOf([source, far], [named]), 'deny AMB1423'],
  ['refuses where nobody can be expected', stateOf(beyond, [echo, gatewayService]), 'deny AMB1413'],
  [
    'takes an endpoint of its own network where the way is closed',
    stateOf([source, far, pod], [named]),
    'tunnel 10.0.0.2:15008 for 10.0.0.2:8080',
  ],
  [
    'reaches the waypoint of a service there in the same way',
    stateOf(
      [source, { ...waypointPod, network: 'n2', networkGateway, addresses: [] }, gatewayPod],
      [
        { ...echo, waypoint: byHostname },
        { ...waypointService, subjectAltNames: ['spiffe://cluster.local/ns/default/sa/waypoint'] },
        gatewayService,
      ],
    ),
    throughIt,
  ],
];

for (const [what, view, expected] of networks) {
  test(`across networks ${what}`, () => {
    assert.is(told(plan(view, '10.96.0.1', 80)), expected);
  });
}

test('expects the gateway outside, and inside only whom the service names', () => {
  const result = plan(stateOf(beyond, [named, gatewayService]), '10.96.0.1', 80);
  assert.is(result.kind, 'gateway');
  if (result.kind !== 'gateway') return;
  assert.equal(result.expectedIdentities, ['spiffe://cluster.local/ns/default/sa/east-west']);
  assert.equal(result.innerIdentities, ['spiffe://cluster.local/ns/default/sa/echo']);
});

test('denies what is not registered to a workload that may go to nothing else', () => {
  const confined = { ...source, outboundPolicy: 'registry-only' } as const;
  const external = aService('outside', {
    addresses: [{ network: '', address: ipAddress('198.51.100.0'), length: 24 }],
    loadBalancing: { mode: 'passthrough', routingPreference: [], healthPolicy: 'allow-all' },
  });
  const view = stateOf([confined, pod, plainPod], [echo, external]);
  assert.is(told(plan(view, '203.0.113.9', 443, confined)), 'deny AMB1431');
  assert.is(told(plan(view, '203.0.113.9', 443)), 'plain 203.0.113.9:443');
  assert.is(told(plan(view, '198.51.100.7', 443, confined)), 'plain 198.51.100.7:443');
  assert.is(told(plan(view, '10.0.0.3', 80, confined)), 'plain 10.0.0.3:80');
  assert.match(told(plan(view, '10.96.0.1', 80, confined)), /^tunnel 10\.0\.0\.2:15008/);
});

test('does not send a waypoint its own traffic again', () => {
  const view = stateOf(
    [source, { ...pod, waypoint: byHostname }, waypointPod],
    [echo, waypointService],
  );
  const own = told(plan(view, '10.0.0.2', 8080, waypointPod));
  assert.is(own, 'tunnel 10.0.0.2:15008 for 10.0.0.2:8080');
});

test("expects the chosen workload's identity, and the service's further ones", () => {
  const further = 'spiffe://cluster.local/ns/other/sa/x';
  const named = { ...echo, subjectAltNames: [further, 'echo.example'] };
  const result = plan(stateOf(base, [named]), '10.96.0.1', 80);
  assert.equal(result.kind === 'tunnel' && result.expectedIdentities, [
    further,
    'spiffe://cluster.local/ns/default/sa/echo-1',
  ]);
  const towards = plan(
    stateOf(withWaypoint, [bound(byHostname), waypointService]),
    '10.96.0.1',
    80,
  );
  assert.equal(towards.kind === 'waypoint' && towards.expectedIdentities, [
    'spiffe://cluster.local/ns/default/sa/waypoint',
  ]);
});

test('shares connections among weighted waypoints', () => {
  const other = aService('canary', { ports: waypointService.ports });
  const canary = aWorkload('canary-1', {
    addresses: [ipAddress('10.0.0.51')],
    services: new Map([[serviceKey('default', other.hostname), []]]),
  });
  const toCanary: GatewayAddress = {
    destination: { kind: 'hostname', namespace: 'default', hostname: other.hostname },
    hbonePort: 15_008,
  };
  const weighted = {
    ...bound(byHostname),
    weightedWaypoints: [
      { waypoint: byHostname, weight: 80 },
      { waypoint: toCanary, weight: 20 },
    ],
  };
  const view = stateOf([...withWaypoint, canary], [weighted, waypointService, other]);
  const peerAt = (random: number) =>
    told(plan(view, '10.96.0.1', 80, source, random)).split(' ')[1];
  assert.is(peerAt(0.79), '10.0.0.50:15008');
  assert.is(peerAt(0.81), '10.0.0.51:15008');
});

test('hides services of other namespaces that are not public', () => {
  const hidden = { ...echo, visibility: 'namespace' } as const;
  const stranger = aWorkload('stranger', { namespace: 'other' });
  const view = stateOf(base, [hidden]);
  assert.is(told(plan(view, '10.96.0.1', 80, stranger)), 'plain 10.96.0.1:80');
  assert.match(told(plan(view, '10.96.0.1', 80)), /^tunnel/);
});

test('gives every plan a reason', () => {
  for (const [, view, address, port] of cases) {
    assert.ok(plan(view, address, port).reason.length > 10);
  }
});

test('says which waypoint it goes around', () => {
  const bypassedWaypoint = 'default/waypoint';
  const around = { ...pod, addresses: [ipAddress('10.0.0.9')], uid: 'around', bypassedWaypoint };
  const view = stateOf([source, pod, around], [{ ...echo, bypassedWaypoint }]);
  for (const address of ['10.96.0.1', '10.0.0.9']) {
    const result = plan(view, address, 80);
    assert.is(result.kind, 'tunnel');
    assert.match(result.reason, 'around waypoint default/waypoint');
  }
});

test.run();
