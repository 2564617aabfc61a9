// Where a captured connection comes from and where its client meant to go (protocol section 1.7).

import type { Socket } from 'node:net';
import { originalDestination } from '../../linux/tcp.ts';
import { type Endpoint, parseIp } from '../../mesh/address.ts';

/** The other end. A socket that is closed already answers the unspecified address. */
export function remoteOf(socket: Socket): Endpoint {
  return endpointOf(socket.remoteAddress, socket.remotePort);
}

/** This end: on port 15008, which nothing redirects to, the address that the client dialled. */
export function localOf(socket: Socket): Endpoint {
  return endpointOf(socket.localAddress, socket.localPort);
}

/** The destination before redirection; this end where there was none. */
export function destinationOf(socket: Socket): Endpoint {
  const original = originalDestination(socket);
  return original === undefined ? localOf(socket) : endpointOf(original.address, original.port);
}

function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
  const parsed = parseIp((address ?? '::').replace(/%.*$/, '')) ?? parseIp('::');
  if (parsed === undefined) throw new TypeError(':: is an address');
  return { address: parsed, port: port ?? 0 };
}
