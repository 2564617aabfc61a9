// The key of a WebSocket handshake over HTTP/1.1 and the answer to it (RFC 6455 section 4), for when the
// other side of the proxy has none.

import { createHash } from 'node:crypto';

export const websocketKey = 'sec-websocket-key';
export const websocketAccept = 'sec-websocket-accept';

/** A key made of something random. */
export function keyFrom(random: string): string {
  return createHash('sha256').update(random).digest().subarray(0, 16).toString('base64');
}

/** The value of `Sec-WebSocket-Accept` that answers a key. */
export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}
