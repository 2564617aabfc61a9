// What a captured IP packet carries: the payload of TCP (RFC 9293) and UDP over IPv4 (RFC 791) and
// IPv6 (RFC 8200). Pure; packets that are cut short or of other kinds carry nothing.

const tcp = 6;
const udp = 17;
const hopByHop = 0;
const routing = 43;
const fragment = 44;
const destinationOptions = 60;

/** One TCP segment or UDP datagram. */
export interface Segment {
  readonly protocol: 'tcp' | 'udp';
  /** Addresses and ports of one direction, as an opaque key. */
  readonly flow: string;
  /** TCP's sequence number of the first payload byte; 0 for UDP. */
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Parses an IP packet (no link header). Undefined if it is no TCP or UDP, or malformed. */
export function parseSegment(packet: Buffer): Segment | undefined {
  if (packet.length < 1) return undefined;
  const version = (packet[0] ?? 0) >> 4;
  if (version === 4) return parseIpv4(packet);
  if (version === 6) return parseIpv6(packet);
  return undefined;
}

function parseIpv4(packet: Buffer): Segment | undefined {
  if (packet.length < 20) return undefined;
  const headerLength = ((packet[0] ?? 0) & 0x0f) * 4;
  const total = packet.readUInt16BE(2);
  const fragmentOffset = packet.readUInt16BE(6) & 0x1fff;
  if (headerLength < 20 || fragmentOffset !== 0) return undefined;
  // Offloaded packets beyond 64 KiB say 0; frames padded by the link are longer than they say.
  const end = total === 0 ? packet.length : Math.min(total, packet.length);
  const hosts = packet.toString('latin1', 12, 20);
  return parseTransport(packet[9] ?? 0, hosts, packet.subarray(headerLength, end));
}

function parseIpv6(packet: Buffer): Segment | undefined {
  if (packet.length < 40) return undefined;
  const length = packet.readUInt16BE(4);
  const end = length === 0 ? packet.length : Math.min(40 + length, packet.length);
  let protocol = packet[6] ?? 0;
  let at = 40;
  while ([hopByHop, routing, destinationOptions, fragment].includes(protocol)) {
    if (at + 8 > end) return undefined;
    if (protocol === fragment && (packet.readUInt16BE(at + 2) & 0xfff8) !== 0) return undefined;
    const extra = protocol === fragment ? 0 : (packet[at + 1] ?? 0) * 8;
    protocol = packet[at] ?? 0;
    at += 8 + extra;
  }
  if (at > end) return undefined;
  return parseTransport(protocol, packet.toString('latin1', 8, 40), packet.subarray(at, end));
}

function parseTransport(protocol: number, hosts: string, bytes: Buffer): Segment | undefined {
  if (protocol === udp && bytes.length >= 8) {
    const flow = `u${bytes.toString('latin1', 0, 4)}${hosts}`;
    return { protocol: 'udp', flow, sequence: 0, payload: bytes.subarray(8) };
  }
  if (protocol !== tcp || bytes.length < 20) return undefined;
  const headerLength = ((bytes[12] ?? 0) >> 4) * 4;
  if (headerLength < 20 || headerLength > bytes.length) return undefined;
  const flow = `t${bytes.toString('latin1', 0, 4)}${hosts}`;
  const payload = bytes.subarray(headerLength);
  return { protocol: 'tcp', flow, sequence: bytes.readUInt32BE(4), payload };
}
