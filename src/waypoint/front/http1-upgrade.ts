// An HTTP/1.1 request for another protocol: either the connection changes to it, or it carries one
// plain response and ends.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { DuplexStream } from '../../dataplane/duplex-stream.ts';
import { type Exchange, noBody, type RequestHead, type ResponseHead } from '../request/exchange.ts';
import { headerIn } from '../request/hop-headers.ts';
import { acceptOf, websocketAccept, websocketKey } from '../request/websocket-key.ts';
import type { ReadHead } from './http1-exchange.ts';

/** The exchange of a connection that its codec has let go of; `early` are bytes read beyond the head. */
export function upgradeExchange(
  { head, problem }: ReadHead,
  duplex: Duplex,
  early: Buffer,
): Exchange {
  const gone = new AbortController();
  duplex.on('error', (error) => gone.abort(error));
  duplex.on('close', () => {
    if (!duplex.writableFinished) gone.abort(new Error('the client closed'));
  });
  if (early.length > 0) duplex.unshift(early);
  const stream = new DuplexStream(duplex, { reset: (reason) => duplex.destroy(reason) });
  return {
    head,
    ...(problem === undefined ? {} : { problem }),
    body: noBody,
    signal: gone.signal,
    // An upgrade has nothing to announce before its answer.
    inform: () => undefined,
    respond: (answer, options) => {
      duplex.write(headText(answer, ['connection: close']));
      if (options?.bodyless === true) duplex.end();
      return { write: (bytes) => stream.write(bytes), end: () => stream.end() };
    },
    upgrade: (answer) => {
      const own = [
        'connection: upgrade',
        `upgrade: ${head.upgrade ?? ''}`,
        ...accepting(head, answer),
      ];
      duplex.write(headText({ status: 101, headers: answer.headers }, own));
      return stream;
    },
    abort: (reason) => stream.destroy(reason),
  };
}

/** What an endpoint that speaks HTTP/2 did not say. */
function accepting(head: RequestHead, { headers }: ResponseHead): string[] {
  const key = headerIn(head.headers, websocketKey);
  if (head.upgrade !== 'websocket' || key === undefined) return [];
  if (headerIn(headers, websocketAccept) !== undefined) return [];
  return [`${websocketAccept}: ${acceptOf(key)}`];
}

function headText({ status, headers }: ResponseHead, own: readonly string[]): string {
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...own,
    // The end of the connection ends the body.
    ...headers
      .filter(([name]) => name.toLowerCase() !== 'transfer-encoding')
      .map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
