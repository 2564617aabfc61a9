import * as assert from 'uvu/assert';
import { buildResponse, parseQuery, responseCodes } from '../../../src/wire/dns/message.ts';
import { parseName, readName } from '../../../src/wire/dns/name.ts';
import { readAnswers } from '../../../src/wire/dns/read-answers.ts';
import { question, readAnswer } from '../../support/dns-client.ts';
import { suite } from '../../support/suite.ts';

const test = suite('DNS messages');

/** A small generator with a fixed start, so that a failure can be repeated (xorshift32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

test('any bytes whatever are a query, an error or ignored, and never throw', () => {
  const random = numbers(20_261);
  const valid = question('web.default.svc.cluster.local', 'A', 1232);
  const outcomes = new Set<string>();
  for (let round = 0; round < 50_000; round++) {
    const bytes =
      round % 2 === 0
        ? Buffer.from(
            Array.from({ length: Math.floor(random() * 64) }, () => Math.floor(random() * 256)),
          )
        : Buffer.from(valid.subarray(0, 1 + Math.floor(random() * valid.length)));
    for (let change = 0; change < 3 && bytes.length > 0; change++) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const parsed = parseQuery(bytes);
    outcomes.add(parsed.kind);
    if (parsed.kind === 'query') {
      const answer = buildResponse(
        parsed.query,
        { code: responseCodes.noError, authoritative: true, answers: [] },
        'udp',
      );
      assert.ok(answer.length <= 1232);
    }
    readAnswers(bytes);
  }
  assert.equal(outcomes, new Set(['query', 'bad', 'response', 'ignore']));
});

test('a name that points at itself, ahead or in circles is refused', () => {
  const at = (bytes: readonly number[], start: number) =>
    readName(Uint8Array.from(bytes), start, { compressed: true });
  assert.is(at([0xc0, 0], 0), undefined);
  assert.is(at([0xc0, 2, 0xc0, 0], 0), undefined);
  assert.is(at([0xc0, 2, 0xc0, 0], 2), undefined);
  assert.is(at([1, 97, 0xc0, 0], 0), undefined);
  assert.equal(at([1, 97, 0, 1, 98, 0xc0, 0], 3), { labels: ['b', 'a'], next: 7 });
});

test('names of more than 255 bytes and labels of more than 63 are refused', () => {
  const long = Array.from({ length: 5 }, () => 'a'.repeat(60)).join('.');
  assert.is(parseQuery(question(long, 'A')).kind, 'bad');
  assert.is(parseName(long), undefined);
  assert.is(parseName(`${'a'.repeat(64)}.org`), undefined);
  assert.equal(parseName('Example.org.'), ['example', 'org']);
});

test('answers are told from queries', () => {
  const bytes = question('web', 'A');
  bytes[2] = 0x81;
  assert.equal(parseQuery(bytes), { kind: 'response', id: 0x1234 });
});

test('other operations, several questions and foreign classes are refused by their codes', () => {
  const changed = (at: number, value: number): number | undefined => {
    const bytes = question('web', 'A');
    bytes[at] = value;
    const parsed = parseQuery(bytes);
    return parsed.kind === 'bad' ? parsed.code : undefined;
  };
  assert.is(changed(2, 0x28), responseCodes.notImplemented);
  assert.is(changed(5, 2), responseCodes.formatError);
  assert.is(changed(7, 1), responseCodes.formatError);
  assert.is(changed(20, 3), responseCodes.refused);
});

test('EDNS is answered by EDNS, and no EDNS by none', () => {
  for (const size of [undefined, 1232]) {
    const parsed = parseQuery(question('web', 'A', size));
    assert.ok(parsed.kind === 'query');
    const bytes = buildResponse(
      parsed.query,
      { code: responseCodes.noError, authoritative: true, answers: [] },
      'udp',
    );
    assert.is(bytes.readUInt16BE(10), size === undefined ? 0 : 1);
    assert.is(readAnswer(bytes).code, 0);
  }
});

test.run();
