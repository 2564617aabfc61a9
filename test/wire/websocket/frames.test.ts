// Frames of WebSocket and the connections made of them.

import { once } from 'node:events';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  FrameReader,
  maxMessage,
  opcodes,
  writeFrame,
} from '../../../src/wire/websocket/frames.ts';
import { acceptance, acceptOf } from '../../../src/wire/websocket/handshake.ts';
import { MessageSocket } from '../../../src/wire/websocket/message-socket.ts';
import { suite } from '../../support/suite.ts';

const test = suite('WebSocket');

test('frames of any size are read as they were written, however they are cut', () => {
  const sizes = fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 65_535, 65_536, 70_000));
  fc.assert(
    fc.property(
      fc.array(sizes, { maxLength: 6 }),
      fc.boolean(),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 8 }),
      (lengths, masked, mask, cuts) => {
        const payloads = lengths.map((length, index) => Buffer.alloc(length, `${index}ab`));
        const bytes = Buffer.concat(
          payloads.map((one) => writeFrame(opcodes.binary, one, masked ? mask : undefined)),
        );
        const reader = new FrameReader(masked);
        const read: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const step = cuts[turn % cuts.length]!;
          const { frames, problem } = reader.push(bytes.subarray(at, at + step));
          assert.is(problem, undefined);
          read.push(...frames.map(({ payload }) => payload));
          at += step;
        }
        assert.equal(read, payloads);
      },
    ),
    { numRuns: 60 },
  );
});

test('the accepting key is that of RFC 6455 section 1.3', () => {
  assert.is(acceptOf('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('a handshake that is none is told apart', () => {
  const good = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const answer = acceptance(good, 'a.protocol');
  assert.match(answer.kind === 'ok' ? answer.value : '', 'Sec-WebSocket-Protocol: a.protocol\r\n');
  for (const [change, problem] of [
    [{ upgrade: 'h2c' }, 'it is no WebSocket handshake'],
    [{ 'sec-websocket-version': '8' }, 'its WebSocket version is not 13'],
    [{ 'sec-websocket-key': 'AAAA' }, 'its Sec-WebSocket-Key is not 16 bytes in Base64'],
  ] as const) {
    assert.equal(acceptance({ ...good, ...change }, undefined), { kind: 'problem', problem });
  }
});

const mask = Buffer.from([1, 2, 3, 4]);
const tooLong = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
const cases: readonly (readonly [string, Buffer, string])[] = [
  ['no mask', writeFrame(opcodes.binary, Buffer.from('x'), undefined), 'a frame without mask'],
  ['an unknown kind', Buffer.from([0x83, 0x80, 0, 0, 0, 0]), 'a frame of no known kind'],
  ['reserved bits', Buffer.from([0xc2, 0x80, 0, 0, 0, 0]), 'a frame of no known kind'],
  ['a ping in parts', Buffer.from([0x09, 0x80, 0, 0, 0, 0]), 'a control frame that is in parts'],
  ['a frame beyond the limit', Buffer.concat([tooLong, mask]), 'a frame of 4294967295 bytes'],
  ['a part of nothing', Buffer.from([0x80, 0x80, 0, 0, 0, 0]), 'the parts of a message are mixed'],
];

test('what is against the protocol ends the connection, and is named', async () => {
  for (const [title, bytes, problem] of cases) {
    const { socket, written } = socketOf(bytes);
    const error = await read(socket).then(
      () => new Error('nothing'),
      (caught: Error) => caught,
    );
    assert.match(error.message, problem, title);
    assert.is(written()[0], 0x80 | opcodes.close, title);
  }
});

test('parts become one message, pings are answered between them, and a limit holds', async () => {
  const [start, end] = ['one ', 'message'].map((part) =>
    writeFrame(opcodes.binary, Buffer.from(part), mask),
  );
  start![0] = opcodes.binary;
  end![0] = 0x80 | opcodes.continuation;
  const ping = writeFrame(opcodes.ping, Buffer.from('?'), mask);
  const close = writeFrame(opcodes.close, Buffer.of(3, 232), mask);
  const { socket, written } = socketOf(Buffer.concat([start!, ping, end!, close]));
  assert.equal(await read(socket), ['one message']);
  assert.equal([...written().subarray(0, 3)], [0x80 | opcodes.pong, 1, 63]);
  const half = writeFrame(opcodes.binary, Buffer.alloc(maxMessage - 1), mask);
  half[0] = opcodes.binary;
  const more = writeFrame(opcodes.continuation, Buffer.alloc(2), mask);
  const { socket: large } = socketOf(Buffer.concat([half, more]));
  const error = await read(large).then(
    () => 'nothing',
    (caught: Error) => caught.message,
  );
  assert.match(error, `a message of ${maxMessage + 1} bytes`);
});

test('what breaks off is no end', async () => {
  const { stream, socket } = socketOf(Buffer.alloc(0));
  const reading = read(socket).then(
    () => 'ended',
    (error: Error) => error.message,
  );
  stream.destroy(new Error('cut'));
  assert.is(await reading, 'cut');
  await socket.send(Buffer.from('nobody hears this'));
  if (!stream.closed) await once(stream, 'close');
});

/** A server's connection whose client has sent these bytes. */
function socketOf(bytes: Buffer) {
  const sent: Buffer[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      sent.push(chunk);
      done();
    },
  });
  if (bytes.length > 0) stream.push(bytes);
  const socket = new MessageSocket(stream, { head: Buffer.alloc(0) });
  return { stream, socket, written: () => Buffer.concat(sent) };
}

async function read(socket: MessageSocket): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of socket.messages()) messages.push(message.toString());
  return messages;
}

test.run();
