import * as assert from 'uvu/assert';
import {
  addressesOf,
  decodePluginAnswer,
  decodePluginEvent,
  encodePluginEvent,
  type PluginEvent,
} from '../../src/wire/cni.ts';
import { suite } from '../support/suite.ts';

const test = suite('CNI forms');

test('writes an event as Go writes its networks, and reads it back', () => {
  const event: PluginEvent = {
    netns: '/var/run/netns/cni-1',
    podName: 'cart',
    podNamespace: 'shop',
    addresses: [
      { interfaceIndex: undefined, address: '10.0.0.7', prefixLength: 23, gateway: '' },
      { interfaceIndex: 2, address: 'fd00::7', prefixLength: 64, gateway: 'fd00::1' },
    ],
  };
  const body = encodePluginEvent(event);
  assert.equal(JSON.parse(body), {
    Netns: '/var/run/netns/cni-1',
    PodName: 'cart',
    PodNamespace: 'shop',
    IPs: [
      { Interface: null, Address: { IP: '10.0.0.7', Mask: '///+AA==' }, Gateway: '' },
      {
        Interface: 2,
        Address: { IP: 'fd00::7', Mask: '//////////8AAAAAAAAAAA==' },
        Gateway: 'fd00::1',
      },
    ],
  });
  assert.equal(decodePluginEvent(body), { kind: 'ok', value: event });
});

test('takes an event without addresses', () => {
  const body = '{"Netns":"/n","PodName":"p","PodNamespace":"ns","IPs":null}';
  const decoded = decodePluginEvent(body);
  assert.is(decoded.kind === 'ok' && decoded.value.addresses.length, 0);
});

test('names the field of an event that cannot be read', () => {
  const good = { Netns: '/n', PodName: 'p', PodNamespace: 'ns', IPs: [] };
  const cases: readonly [unknown, string][] = [
    ['text', 'JSON object'],
    [{ ...good, Netns: '' }, 'Netns'],
    [{ ...good, PodName: 7 }, 'PodName'],
    [{ ...good, PodNamespace: undefined }, 'PodNamespace'],
    [{ ...good, IPs: {} }, 'IPs'],
    [{ ...good, IPs: [{ Address: '10.0.0.7/24' }] }, 'IPs[0].Address'],
    [{ ...good, IPs: [{ Address: { IP: 'x', Mask: '' } }] }, 'IPs[0].Address'],
    [{ ...good, IPs: [{ Address: { IP: '10.0.0.7', Mask: '//////////8=' } }] }, 'IPs[0].Address'],
    [{ ...good, IPs: [{ Address: { IP: '10.0.0.7', Mask: '/wD/AA==' } }] }, 'IPs[0].Address'],
  ];
  for (const [body, words] of cases) {
    const decoded = decodePluginEvent(JSON.stringify(body));
    assert.ok(decoded.kind === 'problem' && decoded.problem.includes(words), words);
  }
});

test('finds the addresses in results of every version', () => {
  const expected = {
    interfaceIndex: undefined,
    address: '10.0.0.7',
    prefixLength: 24,
    gateway: '',
  };
  assert.equal(addressesOf({ ips: [{ version: '4', address: '10.0.0.7/24' }] }), [expected]);
  assert.equal(addressesOf({ ip4: { ip: '10.0.0.7/24' } }), [expected]);
  assert.equal(addressesOf({ ips: [{ address: '10.0.0.7/33' }, { address: 'x' }, {}] }), []);
  assert.equal(addressesOf(undefined), []);
});

test('reads the answer of this agent and of one that says nothing', () => {
  const answer = { enrolled: false, reason: 'namespace is not labelled' };
  assert.equal(decodePluginAnswer(JSON.stringify(answer)), answer);
  assert.is(decodePluginAnswer(''), undefined);
});

test.run();
