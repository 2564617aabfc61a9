// Frames and header blocks of SPDY/3.

import { constants, createDeflate, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { adler32, headerDictionary } from '../../../src/wire/spdy/dictionary.ts';
import { dataFrame, pingFrame, resetFrame, SpdyReader } from '../../../src/wire/spdy/frames.ts';
import { EmptyHeaders, HeaderReader } from '../../../src/wire/spdy/header-block.ts';
import { suite } from '../../support/suite.ts';

const test = suite('SPDY');

test('the dictionary is the one that all implementations name', () => {
  assert.is(headerDictionary().length, 1423);
  assert.is(adler32(headerDictionary()), 0xe3c6_a7c2);
});

test('frames are read as they were written, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3000), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 6 }),
      (lengths, cuts) => {
        const bytes = Buffer.concat(
          lengths.flatMap((length, index) => [
            dataFrame(index + 1, Buffer.alloc(length, 'x'), length % 2 === 0),
            pingFrame(index),
          ]),
        );
        const reader = new SpdyReader();
        const seen: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const step = cuts[turn % cuts.length]!;
          for (const frame of reader.push(bytes.subarray(at, at + step)).frames) {
            if (frame.kind === 'ping') seen.push(`ping ${frame.id}`);
            if (frame.kind === 'data')
              seen.push(`${frame.stream} ${frame.payload.length} ${frame.isLast}`);
          }
          at += step;
        }
        const expected = lengths.flatMap((length, index) => [
          `${index + 1} ${length} ${length % 2 === 0}`,
          `ping ${index}`,
        ]);
        assert.equal(seen, expected);
      },
    ),
    { numRuns: 60 },
  );
});

test('what is no frame of this version is named', () => {
  const problem = (bytes: Buffer): string | undefined => new SpdyReader().push(bytes).problem;
  assert.is(problem(Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 0])), 'a control frame that is malformed');
  assert.is(
    problem(Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 1, 9])),
    'a control frame that is malformed',
  );
  assert.is(
    problem(Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 1, 9])),
    'a control frame that is malformed',
  );
  assert.is(problem(Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff])), 'a frame of 16777215 bytes');
  assert.equal(new SpdyReader().push(resetFrame(5, 1)).frames, [{ kind: 'reset', stream: 5 }]);
  const settings = Buffer.from([0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0]);
  assert.equal(new SpdyReader().push(settings).frames, [{ kind: 'other' }]);
});

test('header blocks are read one after the other from one compressed stream', async () => {
  using reader = new HeaderReader();
  const deflate = createDeflate({ dictionary: headerDictionary() });
  const made: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => made.push(chunk));
  for (const port of ['80', '15000', '80']) {
    deflate.write(block({ StreamType: 'data', port }));
    await new Promise<void>((resolve) => {
      deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve));
    });
    const fields = await reader.read(Buffer.concat(made.splice(0)));
    assert.equal(
      [...fields],
      [
        ['streamtype', 'data'],
        ['port', port],
      ],
    );
  }
});

test('a block that is too large, cut off or of another dictionary is refused', async () => {
  const refusal = async (packed: Buffer): Promise<string> => {
    using reader = new HeaderReader();
    return await reader.read(packed).then(
      () => 'read',
      () => 'refused',
    );
  };
  const dictionary = headerDictionary();
  const pack = (bytes: Buffer, words = dictionary): Buffer =>
    deflateSync(bytes, { dictionary: words, finishFlush: constants.Z_SYNC_FLUSH });
  const good = block({ port: '80' });
  assert.is(await refusal(pack(good)), 'read');
  assert.is(await refusal(pack(good.subarray(0, -1))), 'refused');
  assert.is(await refusal(pack(good, Buffer.from('another'))), 'refused');
  assert.is(await refusal(pack(block({ port: 'x'.repeat(200_000) }))), 'refused');
});

test('empty blocks are one valid stream', () => {
  const empty = new EmptyHeaders();
  const packed = Buffer.concat([empty.next(), empty.next()]);
  const options = { dictionary: headerDictionary(), finishFlush: constants.Z_SYNC_FLUSH };
  assert.equal(inflateSync(packed, options), Buffer.alloc(8));
});

function block(fields: Readonly<Record<string, string>>): Buffer {
  const number = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const texts = Object.entries(fields).flat();
  const parts = texts.flatMap((text) => [number(text.length), Buffer.from(text)]);
  return Buffer.concat([number(texts.length / 2), ...parts]);
}

test.run();
