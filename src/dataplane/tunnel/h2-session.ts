// What both ends of a tunnel's HTTP/2 connection share: settings, windows, keep-alive, and how its
// streams look as byte streams. The only file beside client and server that knows node:http2.

import {
  constants,
  type Http2Session,
  type Http2Stream,
  type IncomingHttpHeaders,
  type Settings,
} from 'node:http2';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { DuplexStream } from '../duplex-stream.ts';

const streamWindowBytes = 4 * 1024 * 1024;
const connectionWindowBytes = 16 * 1024 * 1024;
const pingEveryMs = 10_000;
const pingTimeoutMs = 20_000;

/** Streams that a server lets a client have at once. */
export const serverStreamLimit = 200;

/** Memory of one HTTP/2 connection in megabytes, well above its window. */
export const sessionMemoryMegabytes = 128;

/** What each side announces (protocol section 3.4). */
export function tunnelSettings(side: 'client' | 'server'): Settings {
  return {
    initialWindowSize: streamWindowBytes,
    maxFrameSize: 1024 * 1024,
    ...(side === 'client'
      ? { enablePush: false, maxHeaderListSize: 16 * 1024 }
      : { maxConcurrentStreams: serverStreamLimit, maxHeaderListSize: 64 * 1024 }),
  };
}

/** Raises the connection's window; the settings only speak of streams. */
export function widenConnectionWindow(session: Http2Session): void {
  session.setLocalWindowSize(connectionWindowBytes);
}

/** Pings until the session ends, and destroys it when an answer does not come. */
export async function keepAlive(session: Http2Session, clock: Clock): Promise<void> {
  const ended = new AbortController();
  session.once('close', () => ended.abort());
  try {
    for (;;) {
      await clock.wait(pingEveryMs, ended.signal);
      const answered = new AbortController();
      const signal = AbortSignal.any([ended.signal, answered.signal]);
      session.ping((error) => (error === null ? answered.abort() : undefined));
      await clock.wait(pingTimeoutMs, signal).then(
        () =>
          session.destroy(new AmbitError('AMB1506', `no answer to a ping in ${pingTimeoutMs} ms`)),
        () => undefined,
      );
    }
  } catch {
    // The wait was ended by the session's end.
  }
}

/** Single-valued headers by lower-case name, without pseudo-headers. */
export function plainHeaders(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const plain = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    plain.set(name, Array.isArray(value) ? value.join(',') : value);
  }
  return plain;
}

/** A tunnel stream as a byte stream. `isLost` tells whether the connection below broke: its streams
 * then end as if finished, which must not look like a proper end. Otherwise a peer's reset with
 * NO_ERROR or CANCEL is an end (protocol section 3.4). */
export function tunnelStream(stream: Http2Stream, isLost: () => boolean): DuplexStream {
  return new DuplexStream(stream, {
    endProblem: () =>
      isLost() && stream.rstCode !== constants.NGHTTP2_NO_ERROR
        ? new AmbitError('AMB1506', 'the connection to the peer was lost')
        : undefined,
    // The peer ended the whole connection with an error: GOAWAY.
    explain: (error) =>
      'code' in error && error.code === 'ERR_HTTP2_SESSION_ERROR'
        ? new AmbitError('AMB1506', 'the peer ended the connection', { cause: error })
        : error,
    // close() would send END_STREAM before the reset, which reads as a proper end.
    reset: (reason) => void stream.destroy(reason),
  });
}
