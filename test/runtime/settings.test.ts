import * as assert from 'uvu/assert';
import { AmbitError } from '../../src/runtime/errors.ts';
import { duration, flag, integer, oneOf, readSettings, text } from '../../src/runtime/settings.ts';
import { suite } from '../support/suite.ts';

const test = suite('settings');

const table = {
  XDS_ADDRESS: text('where the controller is', 'https://istiod.istio-system.svc:15012'),
  NODE_NAME: text('the node this runs on'),
  PACKET_MARK: integer('the mark of own packets', '1337', { min: 0, max: 4095 }),
  IPV6_ENABLED: flag('whether IPv6 is used', 'true'),
  LOG_LEVEL: oneOf('how much is logged', ['info', 'debug'], 'info'),
};

test('takes what is given and falls back for what is unset or empty', () => {
  const settings = readSettings(table, { NODE_NAME: 'node1', PACKET_MARK: '7', LOG_LEVEL: '' });
  assert.equal(settings, {
    XDS_ADDRESS: 'https://istiod.istio-system.svc:15012',
    NODE_NAME: 'node1',
    PACKET_MARK: 7,
    IPV6_ENABLED: true,
    LOG_LEVEL: 'info',
  });
});

test('reports every problem at once', () => {
  try {
    readSettings(table, { PACKET_MARK: '4096', IPV6_ENABLED: 'yes', LOG_LEVEL: 'loud' });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, AmbitError);
    for (const name of ['NODE_NAME', 'PACKET_MARK', 'IPV6_ENABLED', 'LOG_LEVEL']) {
      assert.match((error as AmbitError).message, name);
    }
  }
});

test('reads durations as Go writes them', () => {
  const { read } = duration('how long', '1s');
  assert.equal(
    ['24h', '1h30m', '500ms', '720h0m0s'].map((one) => read(one)),
    [86_400_000, 5_400_000, 500, 2_592_000_000].map((value) => ({ value })),
  );
  for (const wrong of ['', '0s', '24', 'h', '1h x', '-1h', '1d']) {
    assert.ok('problem' in read(wrong), wrong);
  }
});

test.run();
