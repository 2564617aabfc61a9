// What the kernel knows of a TCP connection (struct tcp_info of linux/tcp.h).

import type { Socket } from 'node:net';
import { descriptorOf } from './descriptors.ts';
import { readOption } from './sockets.ts';

/** TCP's states by the kernel's numbers (RFC 9293 section 3.3.2). */
const states = [
  'UNKNOWN',
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
] as const;

export interface TcpInfo {
  readonly state: (typeof states)[number];
  readonly roundTripMicroseconds: number;
  /** Bytes the peer has acknowledged; SYN and FIN count as one each. */
  readonly bytesAcked: number;
  /** Bytes received in order; the peer's FIN counts as one. */
  readonly bytesReceived: number;
  /** Payload bytes accepted from this process and not sent even once. */
  readonly bytesNotSent: number;
  /** Segments sent and not acknowledged yet. */
  readonly segmentsInFlight: number;
  /** Segments sent again, over the whole life of the connection. */
  readonly segmentsRetransmitted: number;
}

/** The length of the structure up to its notsent_bytes, which kernels before 4.6 lack. */
const neededBytes = 148;

/** Undefined once the socket is closed, or on a kernel before 4.6. */
export function tcpInfo(socket: Socket): TcpInfo | undefined {
  const fd = descriptorOf(socket);
  const bytes = fd === undefined ? undefined : readOption(fd, 'tcpInfo', 256);
  if (bytes === undefined || bytes.length < neededBytes) return undefined;
  return {
    state: states[bytes[0] ?? 0] ?? 'UNKNOWN',
    segmentsInFlight: bytes.readUInt32LE(24),
    roundTripMicroseconds: bytes.readUInt32LE(68),
    segmentsRetransmitted: bytes.readUInt32LE(100),
    bytesAcked: Number(bytes.readBigUInt64LE(120)),
    bytesReceived: Number(bytes.readBigUInt64LE(128)),
    bytesNotSent: bytes.readUInt32LE(144),
  };
}
