// Whatever bytes a client sends, the waypoint goes on, and an application only ever gets what is a
// request by the strict grammar (RFC 9112, RFC 9110), in the number and the order that the client sent.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';
import { readAll } from '../support/tunnels.ts';
import { startOne } from './application.ts';
import { ask } from './fixture.ts';

const test = suite('any bytes as requests', { deadlineMs: 60_000 });

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const value = /^[\t -~\u0080-\u00ff]*$/;

/** The targets of the requests that bytes strictly are, until something is none. */
function strictRequests(text: string): string[] {
  const targets: string[] = [];
  let rest = text;
  for (;;) {
    // Empty lines before a request may be skipped, however they end (RFC 9112 section 2.2).
    rest = rest.replace(/^[\r\n]+/, '');
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return targets;
    const [line = '', ...fields] = rest.slice(0, end).split('\r\n');
    const [, target, version] = /^[A-Z]+ +(\/[!"$-~]*) +HTTP\/(1\.[01])$/.exec(line) ?? [];
    const headers = fields.map((field) => {
      const colon = field.indexOf(':');
      return [
        field.slice(0, colon),
        field.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, ''),
      ] as const;
    });
    const areFine = headers.every(([name, text]) => token.test(name) && value.test(text));
    const all = (name: string): string[] =>
      headers.filter(([own]) => own.toLowerCase() === name).map(([, text]) => text);
    const hosts = all('host');
    const isAddressed = hosts.length === 1 || (hosts.length === 0 && version === '1.0');
    if (target === undefined || !areFine || !isAddressed) return targets;
    if (hosts.some((host) => !/^[0-9A-Za-z._~-]+(?::\d{1,5})?$/.test(host))) return targets;
    const body = strictBody(all('content-length'), all('transfer-encoding'), rest.slice(end + 4));
    if (body === undefined) return targets;
    // An empty query is left out.
    targets.push(target.replace(/^([^?]*)\?$/, '$1'));
    rest = rest.slice(end + 4 + body);
    const closes = all('connection').some((text) => /close/i.test(text));
    if (closes || version === '1.0') return targets;
  }
}

/** How long a body is; undefined when that is not clear, or it is none. */
function strictBody(lengths: string[], codings: string[], rest: string): number | undefined {
  const [length] = lengths;
  if (lengths.length + codings.length > 1) return undefined;
  if (length !== undefined) {
    const isWhole = /^\d+$/.test(length) && Number(length) <= rest.length;
    return isWhole ? Number(length) : undefined;
  }
  if (codings.length === 0) return 0;
  if (codings[0]?.toLowerCase() !== 'chunked') return undefined;
  let at = 0;
  for (;;) {
    const head = /^([0-9A-Fa-f]+)(?:;[\t -~]*)?\r\n/.exec(rest.slice(at));
    if (head === null) return undefined;
    at += head[0].length;
    const size = Number.parseInt(head[1] ?? '', 16);
    if (size === 0) {
      const trailers = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)*\r\n/.exec(rest.slice(at));
      return trailers === null ? undefined : at + trailers[0].length;
    }
    if (rest.slice(at + size, at + size + 2) !== '\r\n') return undefined;
    at += size + 2;
  }
}

const whole = fc.constantFrom<string>(
  'GET /0 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n',
  'POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  'POST /0 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nt: u\r\n\r\n',
  'GET /0 HTTP/1.0\r\nHost: a\r\n\r\n',
  'GET /0 HTTP/1.1\r\nHost: a\r\n\r\nPOST /1 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx',
);

const piece = fc.constantFrom(
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '\0',
  '\x01',
  '\x0b',
  '\x7f',
  '\xff',
  '0',
  '1',
  'a',
  '+',
  '-',
  '_',
  '/',
  '?',
  '#',
  '%00',
  '@',
  '"',
  'Host: b\r\n',
  'Content-Length: 1\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Content_Length: 1\r\n',
  ' folded\r\n',
  'X : y\r\n',
  'GET /9 HTTP/1.1\r\nHost: c\r\n\r\n',
);

const edit = fc.record({ at: fc.nat({ max: 200 }), cut: fc.nat({ max: 3 }), put: piece });

/** Requests, most of them with a few pieces put in or cut out. */
const someBytes = fc.tuple(whole, fc.array(edit, { maxLength: 3 })).map(([text, edits]) =>
  edits.reduce((all, { at, cut, put }) => {
    const where = at % (all.length + 1);
    return all.slice(0, where) + put + all.slice(where + cut);
  }, text),
);

/** Ends whatever is left open: a request that closes, an end for short bodies, and what is no request. */
const ending = `\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${'\r\n'.repeat(3_000)}\0\r\n\r\n`;

test('only what is strictly a request reaches the application', async ({ stack }) => {
  const seen: string[] = [];
  const waypoint = await startOne(stack, (request, response) => {
    request.on('error', () => undefined);
    request.resume().on('end', () => {
      seen.push(request.url ?? '');
      response.end('ok');
    });
  });
  let refused = 0;
  let forwarded = 0;
  await fc.assert(
    fc.asyncProperty(someBytes, async (bytes) => {
      seen.length = 0;
      const stream = await waypoint.open();
      await stream.write(Buffer.from(bytes + ending, 'latin1'));
      const answer = (await readAll(stream)).toString('latin1');
      stream.destroy();
      assert.match(answer, /^HTTP\/1\.1 \d{3} /);
      const strict = strictRequests(bytes + ending);
      assert.equal(seen, strict.slice(0, seen.length), JSON.stringify(bytes));
      if (/^HTTP\/1\.1 (?:[45]\d\d) /m.test(answer)) refused++;
      forwarded += seen.length;
    }),
    { numRuns: 400 },
  );
  assert.ok(refused > 50 && forwarded > 50, `${refused} refused, ${forwarded} forwarded`);
  assert.is((await ask(await waypoint.open())).status, 200);
});

test.run();
