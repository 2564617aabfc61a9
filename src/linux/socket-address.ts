// IP addresses as the kernel's socket calls have them (struct sockaddr_in and sockaddr_in6).

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { LinuxError } from './errors.ts';

export type Family = 'ipv4' | 'ipv6';

export const familyNumbers: Readonly<Record<Family, number>> = { ipv4: 2, ipv6: 10 };
const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An address with an IPv4-mapped one turned into plain IPv4, so that it is compared and dialled as
 * such. */
export function canonicalAddress(address: string): string {
  const plain = mapped.exec(address)?.[1];
  if (plain !== undefined) return plain;
  if (!isIPv6(address) || !address.toLowerCase().startsWith('::ffff:')) return address;
  const bytes = ipv6Bytes(address);
  return isMappedPrefix(bytes) ? bytes.subarray(12).join('.') : address;
}

/** @throws LinuxError EINVAL if it is no IP address (names are not resolved here) */
export function familyOf(address: string): Family {
  if (isIPv4(address)) return 'ipv4';
  if (isIPv6(address) && !address.includes('%')) return 'ipv6';
  throw new LinuxError(`use ${address} as an IP address`, 'EINVAL');
}

/** The kernel's form of an address and port. @throws LinuxError EINVAL */
export function encodeSocketAddress(address: string, port: number): Buffer {
  if (familyOf(address) === 'ipv4') {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(familyNumbers.ipv4, 0);
    bytes.writeUInt16BE(port, 2);
    bytes.set(address.split('.').map(Number), 4);
    return bytes;
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(familyNumbers.ipv6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(ipv6Bytes(address), 8);
  return bytes;
}

/** The reverse; IPv4-mapped addresses come out as IPv4. Undefined for other families. */
export function decodeSocketAddress(bytes: Buffer): { address: string; port: number } | undefined {
  const family = bytes.readUInt16LE(0);
  const port = bytes.readUInt16BE(2);
  if (family === familyNumbers.ipv4) return { address: bytes.subarray(4, 8).join('.'), port };
  if (family !== familyNumbers.ipv6) return undefined;
  const raw = bytes.subarray(8, 24);
  if (isMappedPrefix(raw)) return { address: raw.subarray(12).join('.'), port };
  const groups = Array.from({ length: 8 }, (_, index) => raw.readUInt16BE(index * 2).toString(16));
  const { address } = new SocketAddress({ address: groups.join(':'), family: 'ipv6' });
  return { address, port };
}

function isMappedPrefix(bytes: Buffer): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes.readUInt16BE(10) === 0xffff;
}

function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  // A dotted tail counts as two groups.
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((n) => n.toString(16)).join(':'),
  );
  const [head = '', tail] = text.split('::');
  const groupsOf = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = groupsOf(head);
  const back = groupsOf(tail ?? '');
  front.forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  back.forEach((group, index) => {
    bytes.writeUInt16BE(group, (8 - back.length + index) * 2);
  });
  return bytes;
}
