// The opening handshake of WebSocket (RFC 6455 section 4). No I/O.

import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What Sec-WebSocket-Accept has to be for a key. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${guid}`).digest('base64');
}

/** The protocols that a client offers, by preference. */
export function offeredProtocols(headers: IncomingHttpHeaders): readonly string[] {
  const offered = headers['sec-websocket-protocol'] ?? '';
  return offered
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** The head by which a server accepts; or what is wrong with the request. */
export function acceptance(
  headers: IncomingHttpHeaders,
  protocol: string | undefined,
): { readonly kind: 'ok'; readonly value: string } | { kind: 'problem'; problem: string } {
  const { upgrade, 'sec-websocket-key': key, 'sec-websocket-version': version } = headers;
  if (upgrade?.toLowerCase() !== 'websocket') {
    return { kind: 'problem', problem: 'it is no WebSocket handshake' };
  }
  if (version !== '13') return { kind: 'problem', problem: 'its WebSocket version is not 13' };
  if (key === undefined || Buffer.from(key, 'base64').length !== 16) {
    return { kind: 'problem', problem: 'its Sec-WebSocket-Key is not 16 bytes in Base64' };
  }
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(key)}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  return { kind: 'ok', value: `${lines.join('\r\n')}\r\n\r\n` };
}
