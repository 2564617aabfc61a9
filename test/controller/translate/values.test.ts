import * as assert from 'uvu/assert';
import type { ServicePortSpec } from '../../../src/controller/kinds/core.ts';
import { parseDuration } from '../../../src/controller/translate/durations.ts';
import {
  exportsTo,
  hostCloseness,
  hostCovers,
  isHostPattern,
  namespaceOfHost,
  resolveHost,
} from '../../../src/controller/translate/hostnames.ts';
import { protocolOf } from '../../../src/controller/translate/protocols.ts';
import { suite } from '../../support/suite.ts';
import { mesh } from '../tables.ts';

const test = suite('values in configuration');

test('durations are whole milliseconds in h, m, s and ms', () => {
  assert.is(parseDuration('1h30m'), 5_400_000);
  assert.is(parseDuration('1.5s'), 1500);
  assert.is(parseDuration('0.1s'), 100);
  assert.is(parseDuration('2m500ms'), 120_500);
  assert.is(parseDuration('0s'), 0);
  for (const bad of ['', '5', 's', '1.5ms', '-1s', '1 s', '1d', '1s2']) {
    assert.is(parseDuration(bad), undefined, bad);
  }
});

test('a name without a dot belongs to the namespace of the object', () => {
  assert.is(resolveHost('Reviews', 'shop', mesh), 'reviews.shop.svc.cluster.local');
  assert.is(resolveHost('reviews.prod', 'shop', mesh), 'reviews.prod');
  assert.is(resolveHost('*', 'shop', mesh), '*');
  assert.is(namespaceOfHost('reviews.shop.svc.cluster.local', mesh), 'shop');
  assert.is(namespaceOfHost('example.com', mesh), undefined);
});

test('a wildcard covers any labels on the left, and the longer one is closer', () => {
  assert.ok(hostCovers('*.shop.svc.cluster.local', 'a.b.shop.svc.cluster.local'));
  assert.not(hostCovers('*.shop.svc.cluster.local', 'shop.svc.cluster.local'));
  assert.ok(hostCloseness('a.b') > hostCloseness('*.a.much.longer.wildcard'));
  assert.ok(hostCloseness('*.b.c') > hostCloseness('*.c'));
  assert.ok(isHostPattern('*.example.com'));
  for (const bad of ['', '*', 'a..b', '-a.b', 'a b', 'x*.y']) assert.not(isHostPattern(bad), bad);
});

test('exportTo names namespaces, its own by a dot, and all by a star', () => {
  assert.ok(exportsTo(undefined, 'a', 'b'));
  assert.ok(exportsTo(['.'], 'a', 'a'));
  assert.not(exportsTo(['.'], 'a', 'b'));
  assert.ok(exportsTo(['b'], 'a', 'b'));
  assert.ok(exportsTo(['*'], 'a', 'b'));
});

/** Each row of the rules for selecting a protocol, in their order. */
const ports: readonly [
  fields: Partial<ServicePortSpec>,
  protocol: ReturnType<typeof protocolOf>,
][] = [
  [{ name: 'http', protocol: 'UDP' }, 'unknown'],
  [{ appProtocol: 'http', protocol: 'UDP' }, 'unknown'],
  [{ name: 'http', appProtocol: 'tcp' }, 'tcp'],
  [{ name: 'http', appProtocol: 'something' }, 'unknown'],
  [{ appProtocol: 'kubernetes.io/h2c' }, 'http2'],
  [{ appProtocol: 'kubernetes.io/ws' }, 'http11'],
  [{ appProtocol: 'kubernetes.io/wss' }, 'tls'],
  [{ name: 'kubernetes.io/h2c' }, 'unknown'],
  [{ name: 'grpc-web' }, 'grpc'],
  [{ name: 'grpc-web-x' }, 'grpc'],
  [{ appProtocol: 'GRPC-Web' }, 'grpc'],
  [{ name: 'tcp' }, 'tcp'],
  [{ name: 'udp' }, 'unknown'],
  [{ name: 'grpc' }, 'grpc'],
  [{ name: 'http' }, 'http11'],
  [{ name: 'http_proxy' }, 'http11'],
  [{ name: 'http2' }, 'http2'],
  [{ name: 'https' }, 'tls'],
  [{ name: 'tls' }, 'tls'],
  [{ name: 'mongo' }, 'tcp'],
  [{ name: 'redis' }, 'tcp'],
  [{ name: 'mysql' }, 'tcp'],
  [{ name: 'http-web-2' }, 'http11'],
  [{ name: 'GRPC-x' }, 'grpc'],
  [{ name: 'HTTPS' }, 'tls'],
  [{ name: 'httpweb' }, 'unknown'],
  [{ name: 'web-http' }, 'unknown'],
  [{ name: 'constructor' }, 'unknown'],
  [{}, 'unknown'],
  [{ port: 25 }, 'tcp'],
  [{ port: 53 }, 'tcp'],
  [{ port: 3306 }, 'tcp'],
  [{ port: 27_017 }, 'tcp'],
  [{ port: 3306, name: 'http' }, 'http11'],
  [{ port: 6379 }, 'unknown'],
];

test('a port declares its protocol by appProtocol, else by the first word of its name', () => {
  for (const [fields, protocol] of ports) {
    assert.is(protocolOf({ port: 80, ...fields }), protocol, JSON.stringify(fields));
  }
});

test.run();
