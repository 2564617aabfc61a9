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
const waypoint: Proxy = { kind: 'waypoint', namespace: 'a', name: 'w-1', gateway: 'a/w' };

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

test.run();
