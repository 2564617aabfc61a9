import * as assert from 'uvu/assert';
import { Connections } from '../../src/dataplane/connections.ts';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { parseIdentity } from '../../src/mesh/identity.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { publish, stateOf } from '../support/mesh-state.ts';
import { aPolicy, aService, aWorkload, ipAddress, strictPolicy } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('mesh state');
const address = ipAddress('10.0.0.1');
const vip = [{ network: '', address: ipAddress('10.96.0.1') }];

test('finds a workload by uid, address and pod, and forgets it', () => {
  const pod = aWorkload('a', { addresses: [address] });
  const state = stateOf([pod], []);
  assert.is(state.workloadByUid(pod.uid), pod);
  assert.is(state.workloadByAddress('', address), pod);
  assert.is(state.workloadByAddress('other', address), undefined);
  const name = { name: 'a', namespace: 'default', serviceAccount: 'a' };
  assert.is(state.workloadOfPod(name), pod);
  assert.is(state.workloadOfPod({ ...name, serviceAccount: 'b' }), undefined);
  publish(state, { removed: [pod.uid, 'unknown', 'too/many/slashes'] });
  assert.is(state.workloadByUid(pod.uid), undefined);
  assert.is(state.workloadByAddress('', address), undefined);
  assert.is(state.workloadOfPod(name), undefined);
});

test('moves a workload whose address changes', () => {
  const state = stateOf([aWorkload('a', { addresses: [address] })], []);
  const moved = aWorkload('a', { addresses: [ipAddress('10.0.0.2')] });
  publish(state, { workloads: [moved] });
  assert.is(state.workloadByAddress('', address), undefined);
  assert.is(state.workloadByAddress('', ipAddress('10.0.0.2')), moved);
});

test('prefers a pod in the mesh where several claim an address', () => {
  const entry = aWorkload('entry', { uid: 'c/networking.istio.io/x', addresses: [address] });
  const plain = aWorkload('plain', { addresses: [address], tunnelProtocol: 'none' });
  const meshed = aWorkload('meshed', { addresses: [address] });
  const state = stateOf([entry, plain, meshed], []);
  assert.is(state.workloadByAddress('', address), meshed);
  publish(state, { removed: [meshed.uid] });
  assert.is(state.workloadByAddress('', address), plain);
  publish(state, { removed: [plain.uid] });
  assert.is(state.workloadByAddress('', address), entry);
});

test('does not find pods on the host network by their address', () => {
  const state = stateOf([aWorkload('a', { addresses: [address], networkMode: 'host' })], []);
  assert.is(state.workloadByAddress('', address), undefined);
});

test('tells whose an address within the mesh is, and leaves out what is only listed', () => {
  const at = (uid: string, text: string, changes: object = {}) =>
    aWorkload('w', { uid, addresses: [ipAddress(text)], ...changes });
  const listed = at('c/networking.istio.io/ServiceEntry/default/x/192.0.2.1', '192.0.2.1');
  const sliced = at('c/discovery.k8s.io/EndpointSlice/default/x/192.0.2.2', '192.0.2.2', {
    networkMode: 'host',
  });
  const machine = at('c/networking.istio.io/WorkloadEntry/default/m', '192.0.2.3');
  const shared = at('c/networking.istio.io/ServiceEntry/default/x/192.0.2.3', '192.0.2.3');
  const onNode = at('c//Pod/default/n', '10.1.0.1', { networkMode: 'host' });
  const state = stateOf([listed, sliced, shared, machine, onNode], []);
  const owner = (text: string): string | undefined => state.ownerOfAddress('', ipAddress(text));
  assert.is(owner('192.0.2.1'), undefined);
  assert.is(owner('192.0.2.2'), undefined);
  assert.is(owner('192.0.2.3'), 'default/w');
  assert.is(owner('10.1.0.1'), 'a node');
});

test('knows endpoints before their service, and drops them with their workload', () => {
  const service = aService('echo');
  const key = keyOfService(service);
  const pod = aWorkload('a', {
    services: new Map([[key, [{ servicePort: 80, targetPort: 8080 }]]]),
  });
  const state = stateOf([pod], []);
  assert.is(state.endpointsOf(key).length, 1);
  publish(state, { services: [service] });
  assert.equal(state.endpointsOf(key)[0]?.ports, [{ servicePort: 80, targetPort: 8080 }]);
  publish(state, { workloads: [{ ...pod, services: new Map() }] });
  assert.is(state.endpointsOf(key).length, 0);
});

test('chooses among services of one address: own namespace, canonical, any', () => {
  const plain = aService('one', { addresses: vip, canonical: false, namespace: 'x' });
  const canonical = aService('two', { addresses: vip, namespace: 'y' });
  const own = aService('three', { addresses: vip, canonical: false, namespace: 'mine' });
  const state = stateOf([], [plain, canonical, own]);
  assert.is(state.serviceByAddress('', vip[0]!.address, 'mine')?.name, 'three');
  assert.is(state.serviceByAddress('', vip[0]!.address, 'else')?.name, 'two');
  publish(state, { removed: [keyOfService(canonical), keyOfService(own)] });
  assert.is(state.serviceByAddress('', vip[0]!.address, 'else')?.name, 'one');
});

test('finds services by virtual networks, the longest first, after exact addresses', () => {
  const network = (name: string, text: string, length: number) =>
    aService(name, { addresses: [{ network: '', address: ipAddress(text), length }] });
  const exact = aService('exact', { addresses: [{ network: '', address: ipAddress('10.9.9.1') }] });
  const state = stateOf(
    [],
    [network('wide', '10.0.0.0', 8), network('long', '10.9.0.0', 16), exact],
  );
  const found = (text: string) => state.serviceByAddress('', ipAddress(text), 'default')?.name;
  assert.is(found('10.9.9.1'), 'exact');
  assert.is(found('10.9.9.2'), 'long');
  assert.is(found('10.1.1.1'), 'wide');
  assert.is(found('192.0.2.1'), undefined);
});

test('finds services by host name, preferring a namespace', () => {
  const one = aService('a', { hostname: 'shared.example', namespace: 'x', canonical: false });
  const two = aService('a', { hostname: 'shared.example', namespace: 'y' });
  const state = stateOf([], [one, two]);
  assert.is(state.serviceByHostname('shared.example', 'x'), one);
  assert.is(state.serviceByHostname('shared.example')?.namespace, 'y');
  assert.is(state.serviceByHostname('other.example'), undefined);
});

test('gathers the policies of mesh, namespace and workload, and names missing ones', () => {
  const state = new MeshState();
  const global = aPolicy('g', 'deny', [], { namespace: 'istio-system', scope: 'global' });
  const own = aPolicy('n', 'allow', []);
  const other = aPolicy('o', 'allow', [], { namespace: 'other' });
  publish(state, { policies: [global, own, other, strictPolicy] });
  const plain = state.policiesFor(aWorkload('a'));
  assert.equal(plain, { policies: [global, own], missing: [] });
  const strict = 'istio-system/istio_converted_static_strict';
  const selected = state.policiesFor(
    aWorkload('a', { authorizationPolicies: [strict, 'default/n', 'default/gone'] }),
  );
  assert.equal(selected, { policies: [global, own, strictPolicy], missing: ['default/gone'] });
  publish(state, { removedPolicies: ['default/n'] });
  assert.equal(state.policiesFor(aWorkload('a')).policies, [global]);
});

test('keeps a removed policy in force until no workload refers to it', () => {
  const strict = 'istio-system/istio_converted_static_strict';
  const pod = aWorkload('a', { authorizationPolicies: [strict] });
  const state = stateOf([pod], []);
  publish(state, { policies: [strictPolicy] });
  publish(state, { removedPolicies: [strict] });
  assert.equal(state.policiesFor(pod), { policies: [strictPolicy], missing: [] });
  publish(state, { workloads: [{ ...pod, authorizationPolicies: [] }] });
  assert.equal(state.policiesFor(pod), { policies: [], missing: [strict] });
});

test('wakes who waits for something, and gives up in time', async ({ signal }) => {
  const state = new MeshState();
  const limit = { timeoutMs: 10_000, clock: systemClock, signal };
  const waiting = state.waitFor(() => state.workloadByAddress('', address), limit);
  publish(state, { workloads: [aWorkload('a', { addresses: [address] })] });
  assert.is((await waiting)?.name, 'a');
  const never = state.waitFor(() => state.workloadByUid('x'), { ...limit, timeoutMs: 1 });
  assert.is(await never, undefined);
});

test('judges open connections again when a policy or their workload changes', () => {
  const pod = aWorkload('a', { addresses: [address] });
  const state = stateOf([pod], []);
  using connections = new Connections(state);
  const denied: string[] = [];
  const admit = (name: string, identified: boolean) =>
    connections.admit(
      {
        source: { address: ipAddress('10.0.0.9'), port: 1 },
        destination: { address, port: 80 },
        ...(identified && { sourceIdentity: parseIdentity('spiffe://c/ns/n/sa/s')! }),
      },
      pod,
      (verdict) => denied.push(`${name} ${verdict.code}`),
    );
  const tunnelled = admit('tunnelled', true);
  const plain = admit('plain', false);
  assert.is(tunnelled.verdict.kind, 'allow');
  assert.is(plain.verdict.kind, 'allow');
  publish(state, { policies: [strictPolicy] });
  assert.equal(denied, []);
  const authorizationPolicies = ['istio-system/istio_converted_static_strict'];
  publish(state, { workloads: [{ ...pod, authorizationPolicies }] });
  assert.equal(denied, ['plain AMB1402']);
  assert.is(connections.size, 1);
  tunnelled[Symbol.dispose]();
  publish(state, { policies: [aPolicy('shut', 'deny', [{ destinationPorts: [80] }])] });
  assert.equal(denied, ['plain AMB1402']);
});

test.run();
