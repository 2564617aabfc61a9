// The PROXY protocol (HAProxy's "The PROXY protocol", sections 2.1 and 2.2): who is at the other end, and
// what it asked for. Node proxies speak version 2 to applications behind them (protocol section 3.6),
// waypoints either version to endpoints.

import { type Endpoint, type IpAddress, ipToBytes, isV6 } from '../mesh/address.ts';
import type { Identity } from '../mesh/identity.ts';

/** What stands before the application's bytes. */
export interface ProxyHeader {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Proved by mutual TLS. */
  readonly identity?: Identity;
}

/** Tells version 2 from anything an application might send first. */
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Version 2, command PROXY: on behalf of somebody else. */
const versionAndCommand = 0x21;
/** A stream over IPv4, and over IPv6. */
const streamOver = { ipv4: 0x11, ipv6: 0x21 } as const;
/** Istio's type for the source's SPIFFE URI, of the range left to applications (section 2.2.8). */
const identityType = 0xd0;

/** The header of version 1, a line. When the families differ both addresses are written as IPv6. */
export function encodeProxyLine({ source, destination }: ProxyHeader): Buffer {
  const ipv6 = isV6(source.address) || isV6(destination.address);
  const written = (address: IpAddress): string =>
    ipv6 && !isV6(address) ? `::ffff:${address}` : address;
  const addresses = `${written(source.address)} ${written(destination.address)}`;
  const ports = `${source.port} ${destination.port}`;
  return Buffer.from(`PROXY ${ipv6 ? 'TCP6' : 'TCP4'} ${addresses} ${ports}\r\n`, 'latin1');
}

/** The header of version 2. When the families differ both addresses are written as IPv6, the IPv4 one in its
 * mapped form, since a header has one family. */
export function encodeProxyHeader({ source, destination, identity }: ProxyHeader): Buffer {
  const ipv6 = isV6(source.address) || isV6(destination.address);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const payload = Buffer.concat([
    addressBytes(source.address, ipv6),
    addressBytes(destination.address, ipv6),
    ports,
    identity === undefined ? Buffer.alloc(0) : typed(identityType, Buffer.from(identity, 'utf8')),
  ]);
  const rest = Buffer.of(versionAndCommand, ipv6 ? streamOver.ipv6 : streamOver.ipv4, 0, 0);
  rest.writeUInt16BE(payload.length, 2);
  return Buffer.concat([signature, rest, payload]);
}

function addressBytes(address: IpAddress, ipv6: boolean): Uint8Array {
  const bytes = ipToBytes(address);
  if (!ipv6 || bytes.length === 16) return bytes;
  return Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff), bytes]);
}

/** Type, length in two bytes, value. */
function typed(type: number, value: Uint8Array): Buffer {
  const head = Buffer.of(type, 0, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}
