// What a new connection to an endpoint begins with: a PROXY header, TLS, a tunnel through an HTTP proxy, in
// this order, each where the destination rules ask for it.

import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream, toDuplex } from '../../dataplane/duplex-stream.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { codeOf } from '../../runtime/errors.ts';
import { encodeProxyHeader, encodeProxyLine } from '../../wire/proxy-protocol.ts';
import { beginTls } from '../tls/begin-tls.ts';
import type { ClientContexts } from '../tls/client-contexts.ts';
import type { Opening, UpstreamTls } from './endpoints.ts';
import { throughProxy } from './http-proxy.ts';

/** A connection before anything was sent on it: by TCP, or within a tunnel. */
export type RawConnection = Socket | ByteStream;

/** Begins a connection, which it takes over. @throws AmbitError with the code of what failed; the signal's
 * reason */
export async function beginConnection(
  raw: RawConnection,
  opening: Opening,
  contexts: ClientContexts,
  signal: AbortSignal,
): Promise<ByteStream> {
  const stream =
    opening.tls === undefined
      ? await beginPlain(raw, opening)
      : socketStream(await beginSecure(raw, opening, opening.tls, contexts, signal));
  return opening.tunnel === undefined ? stream : await throughProxy(stream, opening.tunnel, signal);
}

/** The same up to TLS, as the socket that knows what was negotiated. */
export async function beginSecure(
  raw: RawConnection,
  opening: Opening,
  tls: UpstreamTls,
  contexts: ClientContexts,
  signal: AbortSignal,
): Promise<TLSSocket> {
  try {
    const context = await contexts.of(tls.settings);
    sendProxyHeader(raw, opening);
    const below = raw instanceof Socket ? raw : toDuplex(raw);
    return await beginTls(below, context, tls, signal);
  } catch (error) {
    raw.destroy();
    throw error;
  }
}

async function beginPlain(raw: RawConnection, opening: Opening): Promise<ByteStream> {
  sendProxyHeader(raw, opening);
  return raw instanceof Socket ? socketStream(raw) : raw;
}

/** It fits into any send buffer, so nothing is waited for; a failure shows with what follows. */
function sendProxyHeader(raw: RawConnection, { proxyHeader }: Opening): void {
  if (proxyHeader === undefined) return;
  const encode = proxyHeader.version === 'V1' ? encodeProxyLine : encodeProxyHeader;
  const bytes = encode(proxyHeader);
  if (raw instanceof Socket) raw.write(bytes);
  else void raw.write(bytes).catch(() => undefined);
}

/** Failures that tell more than that an endpoint could not be reached. */
const telling = new Set<Code>(['AMB1736', 'AMB1737', 'AMB1738', 'AMB1739', 'AMB1740']);

/** The code for a connection that could not be opened. */
export function codeOfOpening(error: unknown): Code {
  const code = codeOf(error);
  return telling.has(code) ? code : 'AMB1706';
}
