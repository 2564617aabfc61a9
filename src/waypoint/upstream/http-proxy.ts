// A way through an HTTP proxy to where connections are meant to go (DestinationRule trafficPolicy.tunnel,
// features section 1.2.6; RFC 9110 section 9.3.6).

import { type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { DuplexStream, toDuplex } from '../../dataplane/duplex-stream.ts';
import { formatEndpoint, parseIp } from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import type { Opening } from './endpoints.ts';

type Tunnel = NonNullable<Opening['tunnel']>;

/** Largest head of the proxy's answer, bytes. */
const maxHeadBytes = 16 * 1024;

/** Asks the proxy at the other end of a stream for the tunnel; takes the stream over. @throws AmbitError
 * AMB1740; the signal's reason */
export async function throughProxy(
  stream: ByteStream,
  tunnel: Tunnel,
  signal: AbortSignal,
): Promise<ByteStream> {
  const duplex = toDuplex(stream);
  const authority = authorityOf(tunnel);
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const isPost = tunnel.protocol === 'POST';
  const asking = request({
    createConnection: () => duplex as never,
    method: tunnel.protocol,
    path: isPost ? '/' : authority,
    headers: { host: authority, ...(isPost && { 'transfer-encoding': 'chunked' }) },
    maxHeaderSize: maxHeadBytes,
  });
  const refuse = (what: string, cause?: unknown): void => {
    reject(new AmbitError('AMB1740', `${what} for ${authority}`, cause ? { cause } : {}));
  };
  asking.on('error', (error) => refuse('the proxy gave no answer', error));
  asking.on('connect', ({ statusCode }: IncomingMessage, _socket: unknown, head: Buffer) => {
    if (head.length > 0) duplex.unshift(head);
    if (isSuccess(statusCode)) resolve(duplex);
    else refuse(`the proxy answered with ${statusCode}`);
  });
  asking.on('response', (response: IncomingMessage) => {
    if (isPost && isSuccess(response.statusCode)) {
      resolve(Duplex.from({ readable: response, writable: asking } as never));
    } else refuse(`the proxy answered with ${response.statusCode}`);
  });
  // A body that is posted has no end, so the head must not wait for it.
  if (isPost) asking.flushHeaders();
  else asking.end();
  try {
    const opened = await unlessAborted(promise, signal);
    return new DuplexStream(opened, { reset: (reason) => opened.destroy(reason) });
  } catch (error) {
    duplex.destroy();
    throw error;
  }
}

function authorityOf({ targetHost, targetPort: port }: Tunnel): string {
  const address = parseIp(targetHost);
  return address === undefined ? `${targetHost}:${port}` : formatEndpoint({ address, port });
}

function isSuccess(status = 0): boolean {
  return status >= 200 && status < 300;
}
