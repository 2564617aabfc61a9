import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { parseQuery } from '../../../src/wire/dns/message.ts';
import { type RelayedQuery, relayQuery } from '../../../src/wire/dns/relay.ts';
import { frame, TcpMessages } from '../../../src/wire/dns/tcp-messages.ts';
import { question } from '../../support/dns-client.ts';
import { suite } from '../../support/suite.ts';

const test = suite('DNS queries passed on');

const query = question('Web.Example.com', 'TXT', 4096);
const id = 0xbeef;

function relayed(): RelayedQuery {
  const parsed = parseQuery(query);
  if (parsed.kind !== 'query') throw new Error('not a query');
  return relayQuery(query, parsed.query.questionBytes, id);
}

/** What a server would answer, changed in one byte. */
function answer(at = 2, value = 0x81): Buffer {
  const bytes = Buffer.from(relayed().bytes);
  bytes[2] = 0x81;
  bytes[at] = value;
  return bytes;
}

test('only the id of a query changes on the way, and its answer gets the old one back', () => {
  assert.equal(relayed().bytes.subarray(2), query.subarray(2));
  assert.is(relayed().bytes.readUInt16BE(0), id);
  const accepted = relayed().accept(answer());
  assert.is(accepted?.readUInt16BE(0), 0x1234);
  assert.equal(accepted?.subarray(2), answer().subarray(2));
});

test('messages with another id, no answers and answers to other questions are not believed', () => {
  assert.is(relayed().accept(answer(0, 0)), undefined);
  assert.is(relayed().accept(answer(2, 0x01)), undefined);
  assert.is(relayed().accept(answer(13, 0x58)), undefined, 'another name');
  assert.is(relayed().accept(answer(13, 0x77)), undefined, 'another letter case');
  for (let length = 0; length < answer().length - 11; length++) {
    assert.is(relayed().accept(answer().subarray(0, length)), undefined);
  }
  for (let round = 0; round < 10_000; round++) {
    assert.is(relayed().accept(randomBytes(round % 64)), undefined);
  }
});

test('a stream gives the same messages however it is cut', () => {
  const messages = [0, 1, 2, 300, 65_535, 5].map((size) => randomBytes(size));
  const stream = Buffer.concat(messages.map(frame));
  for (const most of [1, 2, 3, 7, 1_000, 100_000]) {
    const got: Buffer[] = [];
    const cutter = new TcpMessages((message) => got.push(message));
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + Math.floor(Math.random() * most);
      cutter.push(stream.subarray(at, end));
      at = end;
    }
    assert.equal(got, messages);
  }
});

test.run();
