import * as assert from 'uvu/assert';
import { readSettings } from '../../src/runtime/settings.ts';
import { headersIn, proxyMetadata } from '../../src/ztunnel/proxy-metadata.ts';
import {
  dnsOptions,
  drainDeadlineMs,
  settingsTable,
  type ZtunnelSettings,
} from '../../src/ztunnel/settings.ts';
import { suite } from '../support/suite.ts';

const test = suite('settings of the node proxy');

const settingsOf = (env: Readonly<Record<string, string>>): ZtunnelSettings =>
  readSettings(settingsTable, { NODE_NAME: 'node1', POD_NAME: 'ztunnel-x', ...env });

test('names are answered on loopback of both families unless something else is said', () => {
  const options = dnsOptions(settingsOf({}));
  assert.equal(options?.hosts, ['127.0.0.1', '::1']);
  assert.is(options?.port, 15_053);
  assert.is(options?.domain, 'cluster.local');
  assert.is(options?.ipv6, true);
});

test('names are not answered when the capture is off, and not over IPv6 without IPv6', () => {
  assert.is(dnsOptions(settingsOf({ ISTIO_META_DNS_CAPTURE: 'false' })), undefined);
  const options = dnsOptions(settingsOf({ IPV6_ENABLED: 'false' }));
  assert.equal(options?.hosts, ['127.0.0.1']);
  assert.is(options?.ipv6, false);
});

test('another address for names is taken, and a wrong one named', () => {
  const options = dnsOptions(settingsOf({ ISTIO_META_DNS_PROXY_ADDR: '[::1]:53' }));
  assert.equal(options?.hosts, ['::1']);
  assert.is(options?.port, 53);
  for (const wrong of ['15053', 'localhost', 'example.org:53', '127.0.0.1:70000']) {
    assert.throws(() => settingsOf({ ISTIO_META_DNS_PROXY_ADDR: wrong }), /AMB1004.*HOST:PORT/);
  }
});

const deadlines: readonly (readonly [string, Record<string, string>, number])[] = [
  ['five seconds less than the grace period', {}, 25_000],
  ['one second less than a short grace period', { TERMINATION_GRACE_PERIOD_SECONDS: '5' }, 4_000],
  ['what is set', { CONNECTION_TERMINATION_DEADLINE: '90s' }, 90_000],
  ['parts of a second', { CONNECTION_TERMINATION_DEADLINE: '250ms' }, 250],
  ['as long as a timer can wait', { CONNECTION_TERMINATION_DEADLINE: 'none' }, 2_147_483_647],
];

for (const [what, env, expected] of deadlines) {
  test(`gives open connections ${what}`, () => {
    assert.is(drainDeadlineMs(settingsOf(env)), expected);
  });
}

test('refuses a deadline that is no duration', () => {
  for (const value of ['5', 'soon', '0s', '-1s', '9999h']) {
    const env = { CONNECTION_TERMINATION_DEADLINE: value };
    assert.throws(() => settingsOf(env), /CONNECTION_TERMINATION_DEADLINE/);
  }
});

test('what the environment says of the proxy reaches the controller', () => {
  const metadata = proxyMetadata({
    PATH: '/bin',
    ISTIO_META_ISTIO_VERSION: '1.30.0',
    ISTIO_METAJSON_LABELS: '{"app":"ztunnel"}',
    ISTIO_METAJSON_BROKEN: '{',
    ISTIO_META_: 'nameless',
  });
  assert.equal(metadata, { ISTIO_VERSION: '1.30.0', LABELS: { app: 'ztunnel' } });
});

test('headers for the controller are read from the environment, and what can be none is named', () => {
  const env = { 'XDS_HEADER_X-Tenant': 'blue', XDS_HEADER_env: 'a b', CA_HEADER_only: 'there' };
  assert.equal(headersIn(env, 'XDS_HEADER_'), { 'x-tenant': 'blue', env: 'a b' });
  assert.equal(headersIn(env, 'CA_HEADER_'), { only: 'there' });
  for (const [name, text] of [
    ['XDS_HEADER_', 'x'],
    ['XDS_HEADER_a b', 'x'],
    ['XDS_HEADER_key-bin', 'x'],
    ['XDS_HEADER_key', 'line\nbreak'],
  ] as const) {
    const refused = () => headersIn({ [name]: text }, 'XDS_HEADER_');
    assert.throws(refused, (error: Error) => /is no header/.test(error.message));
  }
});

test.run();
