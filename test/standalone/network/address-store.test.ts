import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { AddressStore } from '../../../src/standalone/network/plugin/address-store.ts';
import { parseConfig } from '../../../src/standalone/network/plugin/config.ts';
import { suite } from '../../support/suite.ts';

const test = suite('pod addresses');

function config(dataDir: string) {
  return parseConfig(
    JSON.stringify({
      cniVersion: '1.0.0',
      bridge: 'cni0',
      nodeNamespace: '/run/netns/none',
      ipam: {
        dataDir,
        ranges: [
          { subnet: '10.244.7.0/24', gateway: '10.244.7.1' },
          { subnet: 'fd00:10:244:7::/64', gateway: 'fd00:10:244:7::1' },
        ],
      },
    }),
  );
}

function store(stack: AsyncDisposableStack): AddressStore {
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-addresses-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { dataDir, ranges } = config(path.join(folder, 'new'));
  return new AddressStore(dataDir, ranges);
}

const attachment = (containerId: string) => ({
  containerId,
  interfaceName: 'eth0',
  namespace: undefined,
});

test('both families get the same digits, and the gateway is never given out', ({ stack }) => {
  const addresses = store(stack);
  const seen = Array.from({ length: 20 }, (_, index) => {
    const [v4, v6] = addresses.take(attachment(`c${index}`));
    assert.is(v6?.address, `fd00:10:244:7::${v4?.address.split('.')[3]}`);
    assert.is(v4?.gateway, '10.244.7.1');
    return v4?.address;
  });
  assert.is(new Set(seen).size, 20);
  assert.ok(seen.every((address) => String(address) !== '10.244.7.1'));
});

test('a full range is refused with its code, and serves again after one is given back', ({
  stack,
}) => {
  const addresses = store(stack);
  for (let count = 0; count < 253; count++) addresses.take(attachment(`c${count}`));
  assert.throws(() => addresses.take(attachment('late')), /AMB1153/);
  const [before] = addresses.held(attachment('c100'));
  addresses.giveBack(attachment('c100'));
  addresses.giveBack(attachment('c100'));
  addresses.take(attachment('late'));
  assert.is(addresses.held(attachment('late'))[0], String(before));
});

test('two interfaces of one container are told apart', ({ stack }) => {
  const addresses = store(stack);
  addresses.take(attachment('c'));
  addresses.take({ ...attachment('c'), interfaceName: 'eth1' });
  addresses.giveBack({ ...attachment('c'), interfaceName: 'eth1' });
  assert.is(addresses.held(attachment('c')).length, 2);
});

test('a gateway outside of its subnet is refused by name', () => {
  const text = JSON.stringify({
    cniVersion: '1.0.0',
    bridge: 'cni0',
    nodeNamespace: '/x',
    ipam: { dataDir: '/x', ranges: [{ subnet: '10.1.0.0/24', gateway: '10.2.0.1' }] },
  });
  assert.throws(() => parseConfig(text), /AMB1154 ipam\.ranges\[0\]/);
});

test.run();
