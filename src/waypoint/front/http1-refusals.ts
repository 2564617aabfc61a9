// What node:http's parser found wrong, as a refusal with a status and a code. Pure.

import { STATUS_CODES } from 'node:http';
import type { Code } from '../../mesh/catalogue.ts';
import type { HeadProblem } from '../request/exchange.ts';

const framing: HeadProblem['code'] = 'AMB1747';
const field: HeadProblem['code'] = 'AMB1749';

const byError: Readonly<Record<string, readonly [status: number, code: Code]>> = {
  HPE_HEADER_OVERFLOW: [431, 'AMB1745'],
  HPE_UNEXPECTED_CONTENT_LENGTH: [400, framing],
  HPE_INVALID_CONTENT_LENGTH: [400, framing],
  HPE_INVALID_TRANSFER_ENCODING: [400, framing],
  HPE_INVALID_CHUNK_SIZE: [400, framing],
  HPE_STRICT: [400, framing],
  HPE_INVALID_HEADER_TOKEN: [400, field],
  HPE_CR_EXPECTED: [400, field],
  HPE_LF_EXPECTED: [400, field],
  HPE_UNEXPECTED_SPACE: [400, field],
};

/** The refusal for an error of the parser; undefined when the connection broke and nobody listens.
 * `isInLine` while the request line is not complete, `isInBody` after the head. */
export function refusalFor(
  error: NodeJS.ErrnoException & { readonly reason?: string },
  { isInLine, isInBody }: { readonly isInLine: boolean; readonly isInBody: boolean },
): HeadProblem | undefined {
  const { code = '', message } = error;
  if (!code.startsWith('HPE_')) return undefined;
  const reason = `not a readable request: ${error.reason ?? message}`;
  if (isInBody) return { status: 400, code: framing, reason };
  if (code === 'HPE_HEADER_OVERFLOW' && isInLine) return { status: 414, code: 'AMB1745', reason };
  // A version that is written wrongly is a malformed request line.
  if (code === 'HPE_INVALID_VERSION' && error.reason === 'Invalid HTTP version') {
    return { status: 505, code: 'AMB1751', reason };
  }
  const [status, named] = byError[code] ?? [400, 'AMB1711'];
  return { status, code: named, reason };
}

/** A response without a body that ends its connection. */
export function refusalText(status: number, decision: string): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'connection: close',
    'content-length: 0',
    `ambit-decision: ${decision}`,
    '\r\n',
  ].join('\r\n');
}
