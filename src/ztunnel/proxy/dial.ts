// TCP connections opened inside a pod, with their failures named.

import type { Socket } from 'node:net';
import { LinuxError } from '../../linux/errors.ts';
import { connectTcp } from '../../linux/tcp.ts';
import {
  type Endpoint,
  formatEndpoint,
  type IpAddress,
  isLoopback,
  isV6,
} from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { type PodContext, proxyMark } from './proxy-parts.ts';

/** Opens a marked connection from a pod. @throws LinuxError */
export function dialFrom(
  { network, end }: PodContext,
  peer: Endpoint,
  localAddress?: IpAddress,
): Promise<Socket> {
  return connectTcp({
    host: peer.address,
    port: peer.port,
    namespace: network,
    mark: proxyMark,
    signal: end,
    ...(localAddress !== undefined && { localAddress }),
  });
}

/** Opens a connection to an application in the pod that shows the client's own address. Where the
 * kernel does not allow that, the application sees the pod's (protocol section 1.8). @throws AmbitError
 * AMB1409, AMB1410 */
export async function dialApplication(
  context: PodContext,
  application: Endpoint,
  client: IpAddress,
  log: Logger,
): Promise<Socket> {
  // From loopback to loopback: with another source the kernel would drop what it takes for a forgery.
  const asClient =
    client !== application.address &&
    isV6(client) === isV6(application.address) &&
    !isLoopback(application.address);
  try {
    return await dialFrom(context, application, asClient ? client : undefined);
  } catch (error) {
    if (!asClient || !isAboutTheSource(error)) throw dialError(context, application, error);
    const { message } = error;
    log.warn({ error: message, client }, 'the application will not see the source address');
    return await dialFrom(context, application).catch((again: unknown) => {
      throw dialError(context, application, again);
    });
  }
}

const sourceErrors = ['EPERM', 'EADDRNOTAVAIL', 'EADDRINUSE', 'EINVAL'];

function isAboutTheSource(error: unknown): error is LinuxError {
  return error instanceof LinuxError && sourceErrors.includes(error.errno);
}

/** Names a failed connection to an application, or to something outside the mesh. */
export function dialError({ end }: PodContext, peer: Endpoint, cause: unknown): AmbitError {
  if (end.aborted && end.reason instanceof AmbitError) return end.reason;
  const slow = cause instanceof LinuxError && cause.errno === 'ETIMEDOUT';
  return new AmbitError(slow ? 'AMB1410' : 'AMB1409', formatEndpoint(peer), { cause });
}
