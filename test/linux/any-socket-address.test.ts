// The original destination as the kernel tells it (SO_ORIGINAL_DST).

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { decodeSocketAddress, encodeSocketAddress } from '../../src/linux/socket-address.ts';
import { parseIp } from '../../src/mesh/address.ts';
import { anEndpoint, damaged } from '../support/generated.ts';
import { suite } from '../support/suite.ts';

const test = suite('socket addresses');

test('are read back in canonical form', () => {
  fc.assert(
    fc.property(anEndpoint, ({ address, port }) => {
      assert.equal(decodeSocketAddress(encodeSocketAddress(address, port)), { address, port });
    }),
  );
});

test('any bytes of the right size give an address or nothing', () => {
  const whole = fc.oneof(
    anEndpoint.map(({ address, port }) => Uint8Array.from(encodeSocketAddress(address, port))),
    fc.uint8Array({ minLength: 28, maxLength: 28 }),
  );
  fc.assert(
    fc.property(damaged(whole), (bytes) => {
      const filled = Buffer.alloc(28);
      filled.set(bytes.subarray(0, 28));
      const read = decodeSocketAddress(filled);
      if (read !== undefined) assert.is(parseIp(read.address), read.address);
    }),
    { numRuns: 500 },
  );
});

test.run();
