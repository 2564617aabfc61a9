// IP addresses and networks in one canonical form. IPv4-mapped IPv6 addresses become IPv4, because
// dual-stack listeners report IPv4 peers so (protocol section 1.1).

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Brand } from './brand.ts';

/** An IPv4 or IPv6 address in canonical text. */
export type IpAddress = Brand<'IpAddress'>;

/** An address and a prefix length. */
export interface Cidr {
  readonly address: IpAddress;
  /** Bits, 0 to 32 or 128. */
  readonly length: number;
}

/** An address and a TCP or UDP port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

const mappedPrefix = '::ffff:';

/** Parses an address; undefined when the text is none. Zone indexes are not accepted. */
export function parseIp(text: string): IpAddress | undefined {
  if (isIPv4(text)) return text as IpAddress;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const canonical = new SocketAddress({ address: text, family: 'ipv6' }).address;
  const mapped = canonical.startsWith(mappedPrefix) ? canonical.slice(mappedPrefix.length) : '';
  return (isIPv4(mapped) ? mapped : canonical) as IpAddress;
}

/** Whether an address is IPv6. */
export function isV6(address: IpAddress): boolean {
  return address.includes(':');
}

/** Whether an address is loopback (127.0.0.0/8 or ::1). */
export function isLoopback(address: IpAddress): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** The loopback address of the family of an address. */
export function loopbackLike(address: IpAddress): IpAddress {
  return (isV6(address) ? '::1' : '127.0.0.1') as IpAddress;
}

/** The 4 or 16 bytes of an address, in network order. */
export function ipToBytes(address: IpAddress): Uint8Array {
  if (!isV6(address)) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const middle = Array.from({ length: 8 - front.length - back.length }, () => 0);
  return Uint8Array.from(
    [...front, ...middle, ...back].flatMap((group) => [group >> 8, group & 255]),
  );
}

/** The address in 4 or 16 bytes; undefined for any other number of bytes. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length === 4) return parseIp(bytes.join('.'));
  if (bytes.length !== 16) return undefined;
  const groups: string[] = [];
  for (let index = 0; index < 16; index += 2) {
    groups.push((((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)).toString(16));
  }
  return parseIp(groups.join(':'));
}

/** Parses `ADDRESS` or `ADDRESS/LENGTH`. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf('/');
  const address = parseIp(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = isV6(address) ? 128 : 32;
  if (slash === -1) return { address, length: bits };
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  return /^\d{1,3}$/.test(digits) && length <= bits ? { address, length } : undefined;
}

/** An address as 32-bit words, most significant first: one for IPv4, four for IPv6. */
export type AddressWords = readonly number[];

/** The words of an address. */
export function ipToWords(address: IpAddress): AddressWords {
  if (!isV6(address)) return [v4Word(address)];
  const bytes = ipToBytes(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
}

function v4Word(address: IpAddress): number {
  let [word, part] = [0, 0];
  for (let index = 0; index < address.length; index++) {
    const code = address.charCodeAt(index);
    if (code === 46) {
      word = (word << 8) | part;
      part = 0;
    } else part = part * 10 + (code - 48);
  }
  return ((word << 8) | part) >>> 0;
}

/** One word of an address with everything behind a prefix length cleared. */
export function maskedWord(words: AddressWords, index: number, length: number): number {
  const bits = Math.min(32, length - 32 * index);
  return bits <= 0 ? 0 : ((words[index] ?? 0) & (0xffff_ffff << (32 - bits))) >>> 0;
}

/** Whether a network contains an address; families never mix. */
export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (isV6(cidr.address) !== isV6(address)) return false;
  const network = ipToWords(cidr.address);
  const candidate = ipToWords(address);
  const { length } = cidr;
  for (let index = 0; index * 32 < length; index++) {
    if (maskedWord(network, index, length) !== maskedWord(candidate, index, length)) return false;
  }
  return true;
}

/** `ADDRESS:PORT`, with brackets around IPv6. */
export function formatEndpoint(endpoint: Endpoint): string {
  const { address, port } = endpoint;
  return isV6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Parses `HOST:PORT` (`[V6]:PORT`); the host may be a name. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}
