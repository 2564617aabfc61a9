// Making sockets and setting their options. All are non-blocking and close-on-exec.

import { LinuxError } from './errors.ts';
import { call } from './libc.ts';
import {
  decodeSocketAddress,
  encodeSocketAddress,
  type Family,
  familyNumbers,
} from './socket-address.ts';

const types = { stream: 1, datagram: 2 } as const;
const sockNonblock = 0x800;
export const sockCloexec = 0x8_0000;

const solIp = 0;
const solSocket = 1;
const ipprotoTcp = 6;
const solIpv6 = 41;
const solPacket = 263;

/** Socket options by name: level and number, as in the kernel's uapi headers. */
const socketOptions = {
  reuseAddress: [solSocket, 2],
  receiveBuffer: [solSocket, 8],
  reusePort: [solSocket, 15],
  receiveBufferForce: [solSocket, 33],
  mark: [solSocket, 36],
  tcpInfo: [ipprotoTcp, 11],
  ipFreebind: [solIp, 15],
  ipTransparent: [solIp, 19],
  ipBindAddressNoPort: [solIp, 24],
  ipOriginalDestination: [solIp, 80],
  ipv6Only: [solIpv6, 26],
  ipv6Transparent: [solIpv6, 75],
  ipv6Freebind: [solIpv6, 78],
  ipv6OriginalDestination: [solIpv6, 80],
  packetStatistics: [solPacket, 6],
  packetIgnoreOutgoing: [solPacket, 23],
} as const;

type SocketOption = keyof typeof socketOptions;

/** A new socket in the namespace of the calling thread. @throws LinuxError */
export function openSocket(family: Family, type: keyof typeof types): number {
  const flags = types[type] | sockNonblock | sockCloexec;
  return call('socket', [familyNumbers[family], flags, 0], `open ${family} ${type} socket`);
}

/** Sets an integer option. @throws LinuxError EPERM for marks and transparency without CAP_NET_ADMIN */
export function setOption(fd: number, option: SocketOption, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  const [level, number] = socketOptions[option];
  call('setsockopt', [fd, level, number, bytes, bytes.length], `set socket option ${option}`);
}

/** Reads an option of up to `length` bytes; undefined if the kernel has no answer, for whatever reason. */
export function readOption(fd: number, option: SocketOption, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(length);
  const [level, number] = socketOptions[option];
  try {
    call('getsockopt', [fd, level, number, bytes, size]);
  } catch (error) {
    if (error instanceof LinuxError) return undefined;
    throw error;
  }
  return bytes.subarray(0, size.readUInt32LE());
}

/** Lets a socket bind to and speak from addresses that are not its machine's. @throws LinuxError EPERM */
export function makeTransparent(fd: number, family: Family): void {
  // A dual-stack socket needs both, since its IPv4 half obeys the IPv4 option.
  setOption(fd, 'ipTransparent', 1);
  setOption(fd, 'ipFreebind', 1);
  if (family === 'ipv4') return;
  setOption(fd, 'ipv6Transparent', 1);
  setOption(fd, 'ipv6Freebind', 1);
}

/** @throws LinuxError EADDRINUSE, EADDRNOTAVAIL, EACCES */
export function bindSocket(fd: number, address: string, port: number): void {
  const encoded = encodeSocketAddress(address, port);
  const host = address.includes(':') ? `[${address}]` : address;
  call('bind', [fd, encoded, encoded.length], `bind ${host}:${port}`);
}

/** The port a socket is bound to. */
export function boundPort(fd: number): number {
  const bytes = Buffer.alloc(28);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes.length);
  call('getsockname', [fd, bytes, size]);
  return decodeSocketAddress(bytes)?.port ?? 0;
}
