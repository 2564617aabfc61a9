// Messages between node agent and node proxy arrive as they were written, and no bytes stop their reader.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  decodeZdsAck,
  decodeZdsHello,
  decodeZdsRequest,
  encodeZdsAck,
  encodeZdsHello,
  encodeZdsRequest,
  maxZdsPacketBytes,
  type ZdsRequest,
} from '../../src/wire/zds.ts';
import { suite } from '../support/suite.ts';

const test = suite('ZDS messages');

const uid = fc.string({ minLength: 1, maxLength: 40 });
const plain = { noNullPrototype: true } as const;
const request: fc.Arbitrary<ZdsRequest> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('add' as const),
      uid,
      name: fc.string(),
      namespace: fc.string(),
      serviceAccount: fc.string(),
    },
    plain,
  ),
  fc.record({ kind: fc.constantFrom('keep' as const, 'del' as const), uid }, plain),
  fc.constant({ kind: 'snapshot-sent' } as const),
);
const decoders = { hello: decodeZdsHello, request: decodeZdsRequest, ack: decodeZdsAck };

test('every request is read as it was written', () => {
  fc.assert(
    fc.property(request, (value) => {
      assert.equal(decodeZdsRequest(encodeZdsRequest(value)), { kind: 'ok', value });
    }),
  );
});

test('has the bytes of the protocol, its odd tag among them', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  assert.is(hex(encodeZdsHello()), '0801');
  assert.is(hex(encodeZdsRequest({ kind: 'del', uid: 'u' })), '1203120175');
  assert.is(hex(encodeZdsRequest({ kind: 'keep', uid: 'u' })), '2a030a0175');
  assert.is(hex(encodeZdsRequest({ kind: 'snapshot-sent' })), '1a00');
  const add = { kind: 'add', uid: 'u', name: 'n', namespace: 's', serviceAccount: 'a' } as const;
  assert.is(hex(encodeZdsRequest(add)), '0a0e0a017512090a016e1201731a0161');
  assert.is(hex(encodeZdsAck()), '0a00');
});

test('an answer fits into a packet whatever went wrong, and says as much of it as does', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 3_000, unit: 'grapheme' }), (error) => {
      const bytes = encodeZdsAck(error);
      assert.ok(bytes.length <= maxZdsPacketBytes);
      const read = decodeZdsAck(bytes);
      assert.is(read.kind, 'ok');
      if (Buffer.byteLength(error) <= maxZdsPacketBytes / 2) {
        assert.equal(read, { kind: 'ok', value: { error: error.toWellFormed() } });
      }
    }),
  );
});

test('any bytes are read or refused, never more than that', () => {
  const damaged = fc
    .tuple(request, fc.nat(60), fc.integer({ min: 0, max: 255 }))
    .map(([value, at, byte]) => {
      const bytes = encodeZdsRequest(value);
      bytes[at % bytes.length] = byte;
      return bytes;
    });
  const cut = fc
    .tuple(request, fc.nat(60))
    .map(([value, length]) => encodeZdsRequest(value).subarray(0, length));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: maxZdsPacketBytes }), damaged, cut);
  fc.assert(
    fc.property(
      bytes,
      fc.constantFrom(...(['hello', 'request', 'ack'] as const)),
      (input, which) => {
        const read = decoders[which](input);
        if (read.kind === 'problem') assert.ok(read.problem.length > 0);
        if (read.kind === 'ok' && which === 'request') {
          const value = read.value as ZdsRequest;
          assert.ok(!('uid' in value) || value.uid !== '');
        }
      },
    ),
  );
});

test.run();
