import * as assert from 'uvu/assert';
import { formatEndpoint } from '../../src/mesh/address.ts';
import { baggageOf, parseBaggage } from '../../src/mesh/baggage.ts';
import {
  decisionNote,
  forwardedHeader,
  forwardedHost,
  parseDecisionNote,
  traceIdOf,
  traceparentHeader,
} from '../../src/mesh/hop-headers.ts';
import { planInbound, serviceAtPort } from '../../src/mesh/plan-inbound.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { stateOf } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('plan an inbound tunnel request');

const echo = aService('echo', { addresses: [{ network: '', address: ipAddress('10.96.0.1') }] });
const pod = aWorkload('echo-1', {
  addresses: [ipAddress('10.0.0.2')],
  services: new Map([[keyOfService(echo), [{ servicePort: 80, targetPort: 9090 }]]]),
});
const waypointService = aService('wp', {
  addresses: [{ network: '', address: ipAddress('10.96.0.50') }],
});
const guarded = aService('guarded', {
  addresses: [{ network: '', address: ipAddress('10.96.0.3') }],
  waypoint: {
    destination: { kind: 'hostname', namespace: 'default', hostname: waypointService.hostname },
    hbonePort: 15_008,
  },
});
const waypoint = aWorkload('wp-1', {
  addresses: [ipAddress('10.0.0.9')],
  services: new Map([[keyOfService(waypointService), []]]),
});

const state = stateOf([pod, waypoint], [echo, guarded, waypointService]);

function told(authority: string, workload = pod, claimedHost?: string): string {
  const address = workload.addresses[0]!;
  const plan = planInbound(state, {
    authority,
    local: { address, port: 15_008 },
    workload,
    network: '',
    ...(claimedHost !== undefined && { claimedHost }),
  });
  if (plan.kind === 'refuse') return `${plan.status} ${plan.code}`;
  const { destination, service } = plan;
  return `${destination.address}:${destination.port} ${service?.name ?? '-'}`;
}

const cases: readonly (readonly [string, string, string])[] = [
  ['delivers to its own address and port', '10.0.0.2:9090', '10.0.0.2:9090 echo'],
  ['delivers to any port of its own', '10.0.0.2:7', '10.0.0.2:7 -'],
  ['resolves a host name to its own mapped port', `${echo.hostname}:80`, '10.0.0.2:9090 echo'],
  ['refuses a host name it does not know', 'nobody.example:80', '503 AMB1406'],
  ['refuses a port that the service does not have', `${echo.hostname}:81`, '503 AMB1406'],
  ['refuses an address of another pod', '10.0.0.9:80', '400 AMB1415'],
  ['refuses an unknown address', '192.0.2.1:80', '400 AMB1415'],
  [
    'refuses a service address, which no client should ask a pod for',
    '10.96.0.1:80',
    '400 AMB1415',
  ],
  ['refuses what has no port', '10.0.0.2', '400 AMB1414'],
  ['refuses an empty authority', '', '400 AMB1414'],
  ['refuses a port beyond the range', '10.0.0.2:70000', '400 AMB1414'],
  ['refuses the ports of the mesh itself', '10.0.0.2:15008', '503 AMB1408'],
];

for (const [what, authority, expected] of cases) {
  test(what, () => {
    assert.is(told(authority), expected);
  });
}

test('delivers to a waypoint what is bound to it, at the pod itself', () => {
  assert.is(told('10.96.0.3:80', waypoint), '10.0.0.9:80 -');
});

/** What a pod with a tunnel of its own is told, and where. */
function announcedTo(authority: string, protocol: 'none' | 'proxy', port: number, view = state) {
  const workload = { ...pod, applicationTunnel: { protocol, port } };
  const local = { address: ipAddress('10.0.0.2'), port: 15_008 };
  const plan = planInbound(view, { authority, local, workload, network: '' });
  if (plan.kind === 'refuse') return `${plan.status} ${plan.code}`;
  const announced = plan.announced && formatEndpoint(plan.announced);
  return `${formatEndpoint(plan.destination)} told ${announced ?? 'nothing'}`;
}

const tunnels: readonly (readonly [string, string, 'none' | 'proxy', number, string])[] = [
  ['its own address', '10.0.0.2:80', 'proxy', 15_088, '10.0.0.2:15088 told 10.0.0.2:80'],
  ['any other address', '192.0.2.7:443', 'proxy', 15_088, '10.0.0.2:15088 told 192.0.2.7:443'],
  ['IPv6', '[fd00::7]:443', 'proxy', 15_088, '10.0.0.2:15088 told [fd00::7]:443'],
  ['a name', `${echo.hostname}:80`, 'proxy', 15_088, '10.0.0.2:15088 told 10.96.0.1:80'],
  ['a port, when its tunnel has none', '10.0.0.2:80', 'proxy', 0, '10.0.0.2:80 told 10.0.0.2:80'],
  ['a port of the mesh', '10.0.0.2:15001', 'proxy', 15_088, '503 AMB1408'],
  ['a tunnel that leads into the mesh', '10.0.0.2:80', 'proxy', 15_008, '503 AMB1408'],
  [
    'another address without a header',
    '192.0.2.7:443',
    'none',
    15_088,
    '10.0.0.2:15088 told nothing',
  ],
];

for (const [what, authority, protocol, port, expected] of tunnels) {
  test(`a pod with a tunnel of its own is asked for ${what}`, () => {
    assert.is(announcedTo(authority, protocol, port), expected);
  });
}

test('a service is announced by an address of this network, IPv4 first, or not at all', () => {
  const told = (...addresses: [string, string][]) => {
    const vips = addresses.map(([network, text]) => ({ network, address: ipAddress(text) }));
    const view = stateOf([pod], [{ ...echo, addresses: vips }]);
    return announcedTo(`${echo.hostname}:80`, 'proxy', 15_088, view);
  };
  const foreign: [string, string] = ['n2', '10.97.0.1'];
  assert.match(told(foreign, ['', 'fd96::1'], ['', '10.96.0.9']), / told 10\.96\.0\.9:80$/);
  assert.match(told(foreign, ['', 'fd96::1']), / told \[fd96::1\]:80$/);
  assert.match(told(foreign), / told 10\.97\.0\.1:80$/);
  assert.is(told(), '503 AMB1421');
});

test("believes the client's host only if the pod belongs to it", () => {
  assert.is(told('10.0.0.2:7', pod, echo.hostname), '10.0.0.2:7 echo');
  assert.is(told('10.0.0.2:7', pod, guarded.hostname), '10.0.0.2:7 -');
});

test('guesses the service of a plain connection by its port', () => {
  assert.is(serviceAtPort(state, pod, 9090)?.name, 'echo');
  assert.is(serviceAtPort(state, pod, 80), undefined);
  const unmapped = { ...pod, services: new Map([[keyOfService(echo), []]]) };
  assert.is(serviceAtPort(state, unmapped, 8080)?.name, 'echo');
});

test('writes baggage in order and reads it back', () => {
  const workload = aWorkload('a', {
    canonicalRevision: 'v2',
    locality: { region: 'r', zone: 'z', subzone: '' },
  });
  const header = baggageOf(workload);
  assert.is(
    header,
    'k8s.cluster.name=Kubernetes,k8s.namespace.name=default,k8s.pod.name=a,service.name=a,service.version=v2,cloud.region=r,cloud.availability_zone=z',
  );
  assert.equal(parseBaggage(header), {
    clusterId: 'Kubernetes',
    namespace: 'default',
    workloadType: 'pod',
    workloadName: 'a',
    canonicalName: 'a',
    canonicalRevision: 'v2',
    region: 'r',
    zone: 'z',
  });
});

test('reads odd baggage without harm', () => {
  assert.equal(parseBaggage(''), {});
  assert.equal(parseBaggage('a,b=,=c,unknown=1,service.name=x'), { canonicalName: 'x' });
  assert.equal(parseBaggage(`service.name=${'x'.repeat(10_000)}`), {});
});

test('writes and reads the headers between hops', () => {
  const source = { address: ipAddress('fd00::1'), port: 40_000 };
  assert.is(forwardedHeader(source), 'for="[fd00::1]:40000"');
  assert.is(forwardedHost(forwardedHeader(source, 'echo.svc')), 'echo.svc');
  assert.is(forwardedHost(forwardedHeader(source)), undefined);
  const trace = 'a'.repeat(32);
  assert.is(traceIdOf(traceparentHeader(trace, 'b'.repeat(16))), trace);
  assert.is(traceIdOf('00-short-bad-00'), undefined);
  const id = '0123456789abcdef';
  assert.equal(parseDecisionNote(decisionNote(id, 'AMB1401')), { id, code: 'AMB1401' });
  assert.is(parseDecisionNote(`${id} AMB9999`), undefined);
  assert.is(parseDecisionNote(undefined), undefined);
});

test.run();
