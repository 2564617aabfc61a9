// TLS as a client on a connection that is open, and who the server proved to be.

import type { Duplex } from 'node:stream';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { AmbitError } from '../../runtime/errors.ts';
import { unlessAborted } from '../../runtime/unless-aborted.ts';
import type { UpstreamTls } from '../upstream/endpoints.ts';
import { provesName } from './proves-name.ts';

/** Does the handshake and checks the server's certificate; takes the connection over and closes it on any
 * failure. @throws AmbitError AMB1737, AMB1738; the signal's reason */
export async function beginTls(
  connection: Duplex,
  context: SecureContext,
  tls: UpstreamTls,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = connect({
    socket: connection,
    secureContext: context,
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(tls.alpn.length > 0 && { ALPNProtocols: [...tls.alpn] }),
    // What is wrong with the certificate is asked for below, where it can be told in full.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  try {
    await secured(socket, signal);
    if (tls.settings.insecureSkipVerify !== true) verify(socket, tls);
    return socket;
  } catch (error) {
    socket.destroy();
    connection.destroy();
    throw error;
  }
}

async function secured(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (cause: unknown): void => {
    reject(new AmbitError('AMB1737', 'the TLS handshake failed', { cause }));
  };
  const onClose = (): void => onError(new Error('the endpoint closed the connection'));
  socket.once('secureConnect', resolve);
  socket.once('error', onError);
  socket.once('close', onClose);
  try {
    await unlessAborted(promise, signal);
  } finally {
    socket.off('close', onClose);
    socket.off('error', onError);
    // One that comes before the stream is taken over must not end the process.
    socket.on('error', () => undefined);
  }
}

/** @throws AmbitError AMB1738 */
function verify(socket: TLSSocket, { names }: UpstreamTls): void {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new AmbitError('AMB1738', 'the endpoint showed no certificate');
  }
  if (!socket.authorized) {
    const why = String(socket.authorizationError ?? 'it could not be verified');
    const { subject, issuer, subjectAltName = 'none' } = certificate;
    const whose = [
      `subject ${subject || '(empty)'}`,
      `names ${subjectAltName}`,
      `issuer ${issuer}`,
    ];
    const shown = whose.join(', ').replaceAll('\n', ' ');
    throw new AmbitError(
      'AMB1738',
      `the certificate of the endpoint is not valid, ${why} (${shown})`,
    );
  }
  if (names.some((name) => provesName(certificate, name))) return;
  const has = certificate.subjectAltName ?? 'none';
  const wanted = names.join(', ');
  throw new AmbitError('AMB1738', `the certificate of the endpoint names ${has}, not ${wanted}`);
}
