// DNS messages: what was written is read back, and any other bytes end in an answer or in silence.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isV6 } from '../../../src/mesh/address.ts';
import {
  buildResponse,
  type DnsRecord,
  encodeQuery,
  parseQuery,
} from '../../../src/wire/dns/message.ts';
import { encodeName, formatName, parseName, readName } from '../../../src/wire/dns/name.ts';
import { readAnswers } from '../../../src/wire/dns/read-answers.ts';
import { relayQuery } from '../../../src/wire/dns/relay.ts';
import { frame, TcpMessages } from '../../../src/wire/dns/tcp-messages.ts';
import { aName, anAddress, damaged } from '../../support/generated.ts';
import { suite } from '../../support/suite.ts';

const test = suite('DNS messages of others');

const aLabels = fc.array(aName, { minLength: 1, maxLength: 6 });
const aType = fc.integer({ min: 0, max: 65_535 });
const aQuery = fc
  .record({ name: aLabels, type: aType })
  .map((question) => Uint8Array.from(encodeQuery(question).bytes));

test('a name is read back, and every text is a name or is none', () => {
  fc.assert(
    fc.property(aLabels, (labels) => {
      assert.equal(readName(encodeName(labels), 0, { compressed: false })?.labels, labels);
      assert.equal(parseName(formatName(labels)), labels);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const labels = parseName(text);
      if (labels !== undefined) assert.ok(encodeName(labels).length <= 255);
    }),
  );
});

test('a query is read back', () => {
  fc.assert(
    fc.property(aLabels, aType, (name, type) => {
      const parsed = parseQuery(encodeQuery({ name, type }).bytes);
      assert.is(parsed.kind, 'query');
      if (parsed.kind !== 'query') return;
      assert.equal(parsed.query.question, { name, type });
      assert.is(parsed.query.recursionDesired, true);
    }),
  );
});

test('addresses in an answer are read back, as many as fit', () => {
  fc.assert(
    fc.property(aLabels, fc.array(anAddress, { maxLength: 40 }), (name, addresses) => {
      const parsed = parseQuery(encodeQuery({ name, type: 1 }).bytes);
      if (parsed.kind !== 'query') throw new Error('not a query');
      const answers = addresses.map((address): DnsRecord => {
        return { name, ttlSeconds: 30, body: { type: isV6(address) ? 'AAAA' : 'A', address } };
      });
      const response = { code: 0, authoritative: true, answers } as const;
      assert.equal(readAnswers(buildResponse(parsed.query, response, 'tcp'))?.records, answers);
      const cut = buildResponse(parsed.query, response, 'udp');
      assert.ok(cut.length <= 512);
      const kept = readAnswers(cut)?.records ?? [];
      assert.equal(kept, answers.slice(0, kept.length));
      assert.is((cut.readUInt16BE(2) & 0x0200) !== 0, kept.length < answers.length);
    }),
  );
});

test('damaged messages end in a query, an error, or nothing', () => {
  const answer = fc.tuple(aLabels, anAddress).map(([name, address]) => {
    const parsed = parseQuery(encodeQuery({ name, type: 1 }).bytes);
    if (parsed.kind !== 'query') throw new Error('not a query');
    const body = { type: isV6(address) ? 'AAAA' : 'A', address } as const;
    const answers = [{ name, ttlSeconds: 1, body }];
    const response = { code: 0, authoritative: false, answers } as const;
    return Uint8Array.from(buildResponse(parsed.query, response, 'udp'));
  });
  fc.assert(
    fc.property(damaged(fc.oneof(aQuery, answer)), (bytes) => {
      assert.ok(['query', 'bad', 'response', 'ignore'].includes(parseQuery(bytes).kind));
      const read = readAnswers(bytes);
      if (read !== undefined) assert.ok(read.records.length <= 64);
      const { bytes: own, questionBytes } = encodeQuery({ name: ['a'], type: 1 });
      const relayed = relayQuery(own, questionBytes, 7);
      assert.type(relayed.accept(bytes), 'undefined');
    }),
    { numRuns: 1_000 },
  );
});

test('a name that points at itself, or in circles, ends', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0xc0, 0xc1, 0, 1, 2, 12, 63), { maxLength: 64 }),
      (list) => {
        const bytes = Uint8Array.from([...new Uint8Array(12), ...list]);
        for (let at = 12; at < bytes.length; at++) readName(bytes, at, { compressed: true });
      },
    ),
  );
});

test('messages over TCP come out whole however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 9 }),
      (messages, step) => {
        const received: Buffer[] = [];
        const cutter = new TcpMessages((message) => received.push(Buffer.from(message)));
        const stream = Buffer.concat(messages.map((message) => frame(message)));
        for (let at = 0; at < stream.length; at += step) {
          cutter.push(stream.subarray(at, at + step));
        }
        assert.equal(
          received,
          messages.map((message) => Buffer.from(message)),
        );
      },
    ),
  );
});

test.run();
