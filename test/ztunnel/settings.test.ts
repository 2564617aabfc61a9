import * as assert from 'uvu/assert';
import { readSettings } from '../../src/runtime/settings.ts';
import { dnsOptions, settingsTable, type ZtunnelSettings } from '../../src/ztunnel/settings.ts';
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

test.run();
