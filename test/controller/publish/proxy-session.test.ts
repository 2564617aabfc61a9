import * as assert from 'uvu/assert';
import type { Proxy } from '../../../src/controller/publish/interest.ts';
import { ProxySession } from '../../../src/controller/publish/proxy-session.ts';
import { ResourceTable } from '../../../src/controller/publish/resource-table.ts';
import {
  emptySnapshot,
  type PublishedSnapshot,
} from '../../../src/controller/publish/resources.ts';
import { type DeltaRequest, type DeltaResponse, typeUrls } from '../../../src/wire/xds.ts';
import { suite } from '../../support/suite.ts';

const test = suite('the session of one proxy');

const { address, authorization, serviceConfig } = typeUrls;
const ztunnel: Proxy = { kind: 'ztunnel', namespace: 'istio-system', name: 'z' };
const waypoint: Proxy = {
  kind: 'waypoint',
  namespace: 'a',
  name: 'w-1',
  gateway: 'a/w',
  isProved: true,
};

const table = (versions: Record<string, string>): ResourceTable =>
  ResourceTable.empty.with(
    Object.entries(versions).map(([name, version]) => ({
      name,
      version,
      aliases: [],
      bytes: Buffer.from(version),
    })),
    [],
  );
const snapshot = (hash: string, addresses: Record<string, string>): PublishedSnapshot => ({
  ...emptySnapshot,
  hash,
  addresses: table(addresses),
});
const request = (fields: Partial<DeltaRequest> = {}): DeltaRequest => ({
  typeUrl: address,
  subscribe: [],
  unsubscribe: [],
  initialVersions: new Map(),
  responseNonce: '',
  ...fields,
});
const ack = (response: DeltaResponse | undefined, error?: string): DeltaRequest =>
  request({ responseNonce: response?.nonce ?? '', ...(error && { error }) });
const brief = (responses: readonly DeltaResponse[]) =>
  responses.map(({ typeUrl, resources, removed }) => ({
    type: typeUrl.split('.').at(-1),
    names: resources.map(({ name }) => name).sort(),
    removed: [...removed].sort(),
  }));

test('answers the first request of a type even when there is nothing', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  assert.equal(brief(session.responses(emptySnapshot)), [
    { type: 'Address', names: [], removed: [] },
  ]);
});

test('sends policies before workloads, whatever was asked for first', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  session.receive(authorization, request({ typeUrl: authorization }));
  const types = brief(session.responses(emptySnapshot)).map(({ type }) => type);
  assert.equal(types, ['Authorization', 'Address']);
});

test('sends only what changed, and one response at a time', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  const [first] = session.responses(snapshot('1', { a: '1', b: '1' }));
  assert.equal(session.responses(snapshot('2', { a: '2', b: '1' })), []);
  session.receive(address, ack(first));
  assert.is(session.acknowledged(address), '1');
  const second = session.responses(snapshot('3', { a: '3', c: '1' }));
  assert.equal(brief(second), [{ type: 'Address', names: ['a', 'c'], removed: ['b'] }]);
  session.receive(address, ack(second[0]));
  assert.equal(session.responses(snapshot('3', { a: '3', c: '1' })), []);
});

test('takes up where an earlier stream ended', () => {
  const session = new ProxySession(ztunnel);
  const initialVersions = new Map([
    ['same', '1'],
    ['older', '1'],
    ['gone', '1'],
  ]);
  session.receive(address, request({ initialVersions }));
  const [first] = session.responses(snapshot('1', { same: '1', older: '2', fresh: '1' }));
  assert.equal(brief(first === undefined ? [] : [first]), [
    { type: 'Address', names: ['fresh', 'older'], removed: ['gone'] },
  ]);
});

test('does not send a refused resource again until it changes', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  const [first] = session.responses(snapshot('1', { a: '1' }));
  assert.equal(session.receive(address, ack(first, 'a: no')), { kind: 'refused', reason: 'a: no' });
  assert.is(session.acknowledged(address), '');
  assert.equal(session.responses(snapshot('1', { a: '1' })), []);
  assert.equal(brief(session.responses(snapshot('2', { a: '2' }))), [
    { type: 'Address', names: ['a'], removed: [] },
  ]);
});

test('ignores answers to anything but the last response', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  session.responses(snapshot('1', { a: '1' }));
  assert.is(session.receive(address, request({ responseNonce: '99' })).kind, 'stale');
  assert.equal(session.responses(snapshot('2', { a: '2' })), []);
});

test('answers a name asked for by itself, present or not', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  const [first] = session.responses(snapshot('1', { a: '1' }));
  session.receive(address, ack(first));
  session.receive(address, request({ subscribe: ['a', 'missing'] }));
  assert.equal(brief(session.responses(snapshot('1', { a: '1' }))), [
    { type: 'Address', names: ['a'], removed: ['missing'] },
  ]);
});

test('holds workloads back while policies that they may refer to cannot be sent yet', () => {
  const at = (hash: string, pod: string, policies: Record<string, string>): PublishedSnapshot => ({
    ...snapshot(hash, { pod }),
    authorizations: table(policies),
  });
  const session = new ProxySession(ztunnel);
  session.receive(address, request());
  session.receive(authorization, request({ typeUrl: authorization }));
  const [policies, pods] = session.responses(at('0', '1', { 'it/one': '1' }));
  session.receive(address, ack(pods));
  const next = at('1', 'refers to it/two', { 'it/one': '1', 'it/two': '1' });
  assert.equal(session.responses(next), []);
  session.receive(authorization, ack(policies));
  assert.equal(brief(session.responses(next)), [
    { type: 'Authorization', names: ['it/two'], removed: [] },
    { type: 'Address', names: ['pod'], removed: [] },
  ]);
});

test('gives a waypoint the services of its own Gateway and a ztunnel none', () => {
  const configs = {
    ...emptySnapshot,
    serviceConfigs: new Map([
      ['a/w', table({ mine: '1' })],
      ['b/w', table({ other: '1' })],
    ]),
  };
  const of = (proxy: Proxy) => {
    const session = new ProxySession(proxy);
    session.receive(serviceConfig, request({ typeUrl: serviceConfig }));
    return brief(session.responses(configs)).flatMap(({ names }) => names);
  };
  assert.equal(of(waypoint), ['mine']);
  assert.equal(of({ ...waypoint, gateway: 'a/unknown' }), []);
  assert.equal(of(ztunnel), []);
});

test('sends a large response in parts to who takes them, each after the answer to the one before', () => {
  const many = Object.fromEntries(
    Array.from({ length: 6_000 }, (_, index) => [`name-${index}`, '1'] as const),
  );
  const whole = new ProxySession(ztunnel);
  whole.receive(address, request());
  assert.is(whole.responses(snapshot('1', many))[0]?.resources.length, 6_000);
  const session = new ProxySession(ztunnel, true);
  session.receive(address, request({ initialVersions: new Map([['gone', '1']]) }));
  const got = new Set<string>();
  let parts = 0;
  // What changes meanwhile comes after the last part.
  for (let hash = '1'; ; hash = '2') {
    const [part, ...more] = session.responses(snapshot(hash, { ...many, 'name-0': hash }));
    if (part === undefined) break;
    parts++;
    assert.equal(more, []);
    assert.is(session.acknowledged(address), parts > 1 && got.size === 6_000 ? '1' : '');
    const isPart = part.nonce.startsWith('part-');
    assert.equal(part.removed, isPart || got.size === 6_000 ? [] : ['gone']);
    for (const { name } of part.resources) got.add(name);
    if (part.systemVersion === '2') assert.equal(brief([part])[0]?.names, ['name-0']);
    session.receive(address, ack(part));
  }
  assert.ok(parts >= 4, `${parts} parts`);
  assert.is(got.size, 6_000);
  assert.is(session.acknowledged(address), '2');
});

test('tells a proxy that asks by name only of that, and of its changes, until it gives it up', () => {
  const session = new ProxySession(ztunnel);
  session.receive(address, request({ subscribe: ['*'], unsubscribe: ['*'] }));
  const at = (hash: string, versions: Record<string, string>) => {
    const responses = session.responses(snapshot(hash, versions));
    for (const one of responses) session.receive(address, ack(one));
    return brief(responses);
  };
  assert.equal(at('1', { a: '1', b: '1' }), [{ type: 'Address', names: [], removed: [] }]);
  session.receive(address, request({ subscribe: ['a', 'none'] }));
  assert.equal(at('1', { a: '1', b: '1' }), [{ type: 'Address', names: ['a'], removed: ['none'] }]);
  assert.equal(at('2', { a: '1', b: '2' }), []);
  assert.equal(at('3', { a: '2', none: '1' }), [
    { type: 'Address', names: ['a', 'none'], removed: [] },
  ]);
  session.receive(address, request({ unsubscribe: ['a'] }));
  assert.equal(at('3', { a: '2', none: '1' }), [{ type: 'Address', names: [], removed: ['a'] }]);
  assert.equal(at('4', { a: '3', none: '1' }), []);
});

test('takes up names that were asked for on an earlier stream', () => {
  const session = new ProxySession(ztunnel);
  const initialVersions = new Map([
    ['same', '1'],
    ['older', '1'],
    ['gone', '1'],
    ['waited for', ''],
    ['never there', ''],
  ]);
  session.receive(address, request({ subscribe: ['*'], unsubscribe: ['*'], initialVersions }));
  const versions = { same: '1', older: '2', 'waited for': '1', other: '1' };
  assert.equal(brief(session.responses(snapshot('1', versions))), [
    { type: 'Address', names: ['older', 'waited for'], removed: ['gone', 'never there'] },
  ]);
});

test('tells a ztunnel that asks by name of the workloads of its own node unasked', () => {
  const session = new ProxySession({ ...ztunnel, node: 'node2' });
  session.receive(address, request({ subscribe: ['*'], unsubscribe: ['*'] }));
  const pods = (nodes: Record<string, string>): PublishedSnapshot => ({
    ...emptySnapshot,
    hash: JSON.stringify(nodes),
    addresses: ResourceTable.empty.with(
      Object.entries(nodes).map(([name, onNode]) => {
        return { name, version: onNode, aliases: [], bytes: Buffer.from(name), onNode };
      }),
      [],
    ),
  });
  const at = (nodes: Record<string, string>) => {
    const responses = session.responses(pods(nodes));
    for (const one of responses) session.receive(address, ack(one));
    return brief(responses);
  };
  // A stock ztunnel waits for the workload of a pod that the node agent told it of, without asking for it.
  assert.equal(at({ a1: 'node1', a2: 'node2' }), [{ type: 'Address', names: ['a2'], removed: [] }]);
  assert.equal(at({ a1: 'node1', a2: 'node2', b2: 'node2' }), [
    { type: 'Address', names: ['b2'], removed: [] },
  ]);
  assert.equal(at({ a1: 'node1', b2: 'node2' }), [{ type: 'Address', names: [], removed: ['a2'] }]);
});

test.run();
