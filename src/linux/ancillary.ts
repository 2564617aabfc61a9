// One packet with file descriptors beside it: sendmsg(2) and recvmsg(2) with SCM_RIGHTS, laid out as
// unix(7) and cmsg(3) say for 64-bit machines.

import { closeSync } from 'node:fs';
import { LinuxError } from './errors.ts';
import { addressOf, call, failed } from './libc.ts';

const solSocket = 1;
const scmRights = 1;
const headerLength = 16;
const msgDontwait = 0x40;
const msgNosignal = 0x4000;
const msgCmsgCloexec = 0x4000_0000;
const msgTrunc = 0x20;
const msgCtrunc = 0x08;

/** How many descriptors may come with a packet before the kernel drops the rest. */
export const maxReceivedDescriptors = 8;

export interface Packet {
  readonly bytes: Buffer;
  /** Close-on-exec, owned by the receiver. */
  readonly descriptors: number[];
}

/** What sendmsg and recvmsg take (struct msghdr); keeps the memory it points to alive. */
class Message {
  readonly header = Buffer.alloc(56);
  readonly #vector = Buffer.alloc(16);
  readonly #payload: Buffer;
  readonly control: Buffer;

  constructor(payload: Buffer, control: Buffer) {
    this.#payload = payload;
    this.control = control;
    this.#vector.writeBigUInt64LE(addressOf(payload), 0);
    this.#vector.writeBigUInt64LE(BigInt(payload.length), 8);
    this.header.writeBigUInt64LE(addressOf(this.#vector), 16);
    this.header.writeBigUInt64LE(1n, 24);
    if (control.length === 0) return;
    this.header.writeBigUInt64LE(addressOf(control), 32);
    this.header.writeBigUInt64LE(BigInt(control.length), 40);
  }

  /** The bytes received. Reading it after the call also keeps the payload referenced until then. */
  received(length: number): Buffer {
    return this.#payload.subarray(0, length);
  }

  get controlLength(): number {
    return Number(this.header.readBigUInt64LE(40));
  }

  get flags(): number {
    return this.header.readInt32LE(48);
  }
}

const spaceFor = (descriptors: number): number =>
  Math.ceil((headerLength + 4 * descriptors) / 8) * 8;

/** Sends one packet; false when the socket's buffer is full for now.
 * @throws LinuxError EPIPE, ECONNRESET when the peer is gone, EMSGSIZE */
export function sendPacket(fd: number, bytes: Uint8Array, descriptors: readonly number[]): boolean {
  const control = Buffer.alloc(descriptors.length === 0 ? 0 : spaceFor(descriptors.length));
  if (descriptors.length > 0) {
    control.writeBigUInt64LE(BigInt(headerLength + 4 * descriptors.length), 0);
    control.writeInt32LE(solSocket, 8);
    control.writeInt32LE(scmRights, 12);
    descriptors.forEach((one, index) => {
      control.writeInt32LE(one, headerLength + 4 * index);
    });
  }
  const message = new Message(Buffer.from(bytes), control);
  const flags = msgDontwait | msgNosignal;
  const sent = call('sendmsg', [fd, message.header, flags], 'send packet', ['EAGAIN']);
  message.received(0);
  return sent !== failed;
}

/** Receives one packet of at most `limit` bytes. `closed` when the peer has closed, undefined when
 * there is nothing now. A packet that is too long or has too many descriptors is consumed, its
 * descriptors are closed.
 * @throws LinuxError EMSGSIZE for such a packet */
export function receivePacket(fd: number, limit: number): Packet | 'closed' | undefined {
  const message = new Message(Buffer.alloc(limit), Buffer.alloc(spaceFor(maxReceivedDescriptors)));
  const flags = msgDontwait | msgCmsgCloexec;
  const operation = 'receive packet';
  let length: number;
  try {
    length = call('recvmsg', [fd, message.header, flags], operation, ['EAGAIN']);
  } catch (error) {
    if (error instanceof LinuxError && error.errno === 'ECONNRESET') return 'closed';
    throw error;
  }
  if (length === failed) return undefined;
  const descriptors = descriptorsIn(message.control.subarray(0, message.controlLength));
  if ((message.flags & (msgTrunc | msgCtrunc)) !== 0) {
    for (const one of descriptors) closeSync(one);
    throw new LinuxError(`${operation} of at most ${limit} bytes`, 'EMSGSIZE');
  }
  if (length === 0 && descriptors.length === 0) return 'closed';
  return { bytes: message.received(length), descriptors };
}

function descriptorsIn(control: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + headerLength <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < headerLength) break;
    if (control.readInt32LE(at + 8) === solSocket && control.readInt32LE(at + 12) === scmRights) {
      for (let next = at + headerLength; next + 4 <= at + length; next += 4) {
        found.push(control.readInt32LE(next));
      }
    }
    at += Math.ceil(length / 8) * 8;
  }
  return found;
}
