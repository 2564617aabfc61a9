import * as assert from 'uvu/assert';
import { LinuxError } from '../../src/linux/errors.ts';
import {
  canonicalAddress,
  decodeSocketAddress,
  encodeSocketAddress,
  familyOf,
} from '../../src/linux/socket-address.ts';
import { suite } from '../support/suite.ts';

const test = suite('socket addresses');

test('survive the way to the kernel and back', () => {
  for (const address of [
    '0.0.0.0',
    '10.244.1.2',
    '255.255.255.255',
    '::',
    '::1',
    'fd00:10:244:1::2',
    'fe80::1',
    '1::',
    '2001:db8:1:2:3:4:5:6',
    '64:ff9b::',
  ]) {
    assert.equal(decodeSocketAddress(encodeSocketAddress(address, 15008)), {
      address,
      port: 15008,
    });
  }
});

test('are laid out as the kernel reads them', () => {
  const ipv4 = encodeSocketAddress('1.2.3.4', 0x1234);
  assert.is(ipv4.toString('hex'), '02001234010203040000000000000000');
  const ipv6 = encodeSocketAddress('2001:db8::1.2.3.4', 80);
  assert.is(ipv6.length, 28);
  assert.is(ipv6.toString('hex', 0, 24), `0a00005000000000${'20010db8'}${'0'.repeat(16)}01020304`);
});

test('that are IPv4 in disguise become IPv4', () => {
  for (const disguised of ['::ffff:10.0.0.1', '::FFFF:10.0.0.1', '::ffff:a00:1']) {
    assert.is(canonicalAddress(disguised), '10.0.0.1');
  }
  for (const plain of ['10.0.0.1', '::1', '::ffff:0:a00:1', 'fd00::ffff:a00:1', 'no address']) {
    assert.is(canonicalAddress(plain), plain);
  }
  const mapped = encodeSocketAddress('::ffff:10.0.0.1', 80);
  assert.equal(decodeSocketAddress(mapped), { address: '10.0.0.1', port: 80 });
});

test('that are none are refused by name', () => {
  for (const wrong of ['localhost', '', '10.0.0', 'fe80::1%eth0', '10.0.0.1:80']) {
    assert.throws(
      () => familyOf(wrong),
      (error: unknown) => error instanceof LinuxError && error.errno === 'EINVAL',
    );
  }
  assert.is(decodeSocketAddress(Buffer.alloc(28)), undefined);
});

test.run();
