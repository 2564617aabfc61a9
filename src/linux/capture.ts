// Packet capture of our own (packet(7)): what an eavesdropper on a link sees, counted and searched for
// given strings. It proves that traffic on the wire is readable or is not.

import { closeSync } from 'node:fs';
import { LinuxError } from './errors.ts';
import { parseSegment } from './frames.ts';
import { addressOf, call, failed, interfaceIndex } from './libc.ts';
import { NeedleScan } from './needle-scan.ts';
import type { NetworkNamespace } from './network-namespace.ts';
import { readOption, setOption, sockCloexec } from './sockets.ts';

const afPacket = 17;
const sockDgram = 2;
const sockNonblock = 0x800;
const everyProtocol = 0x0003;
/** Segmentation offload hands over up to 64 KiB at once, and a header before it. */
const maxPacketBytes = 65_536 + 256;
const batchPackets = 32;
/** Bounds how long one look at the socket may keep the event loop. */
const maxBatchesPerLook = 16;
/** More than the kernel's buffer holds, so that whoever asks misses nothing that came before. */
const maxBatchesForTotals = 4_096;
const lookEveryMs = 20;
const wantedBufferBytes = 32 * 1024 * 1024;
const excerptBytes = 96;
const msgDontwait = 0x40;
const msgTrunc = 0x20;
/** struct mmsghdr: a msghdr (56 bytes), the received length, padding. */
const mmsghdrBytes = 64;

/** What was seen since the capture began. */
export interface CaptureTotals {
  packets: number;
  /** IP packets' bytes, without link headers. */
  bytes: number;
  /** TCP payload bytes, what was sent again included. */
  payloadBytes: number;
  /** Packets the kernel threw away because this process was too slow, or that came cut: when it is
   * not 0, the other numbers are too low. */
  dropped: number;
  /** How often each watched string was readable. */
  readonly readable: Map<string, number>;
}

/** A running capture of all packets, in and out, of one interface (of `lo` once each). */
export class PacketCapture implements Disposable {
  readonly #totals: CaptureTotals;
  #latestPayload: Buffer = Buffer.alloc(0);
  readonly #fd: number;
  readonly #batch = new Batch();
  readonly #scan = new NeedleScan();
  readonly #timer: NodeJS.Timeout;
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
    const readable = this.#scan.counts;
    this.#totals = { packets: 0, bytes: 0, payloadBytes: 0, dropped: 0, readable };
    this.#timer = setInterval(() => this.#look(maxBatchesPerLook), lookEveryMs).unref();
  }

  /** Begins to capture. It does not keep the process alive.
   * @throws LinuxError ENODEV without such an interface, EPERM without CAP_NET_RAW */
  static open(interfaceName: string, namespace?: NetworkNamespace): PacketCapture {
    const begin = (): PacketCapture => openHere(interfaceName, (fd) => new PacketCapture(fd));
    return namespace === undefined ? begin() : namespace.run(begin);
  }

  /** Looks for these strings in all TCP and UDP payloads from now on. */
  watchFor(needles: readonly string[]): void {
    this.#scan.add(needles);
  }

  /** What was seen until now (until the end, once disposed); the object goes on counting. */
  get totals(): Readonly<CaptureTotals> {
    this.#look(maxBatchesForTotals);
    return this.#totals;
  }

  /** The first bytes of the latest non-empty TCP payload, to show what the wire carries. */
  get latestPayload(): Buffer {
    this.#look(maxBatchesForTotals);
    return this.#latestPayload;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#look(maxBatchesForTotals);
    this.#open = false;
    clearInterval(this.#timer);
    closeSync(this.#fd);
  }

  #look(maxBatches: number): void {
    if (!this.#open) return;
    for (let batches = 0; batches < maxBatches; batches++) {
      const received = this.#batch.receive(this.#fd);
      for (let index = 0; index < received; index++) this.#take(index);
      if (received < batchPackets) break;
    }
    // Reading the kernel's counters sets them back to 0: packets (with the dropped ones), then drops.
    const statistics = readOption(this.#fd, 'packetStatistics', 8);
    if (statistics !== undefined) this.#totals.dropped += statistics.readUInt32LE(4);
  }

  #take(index: number): void {
    const packet = this.#batch.packet(index);
    this.#totals.packets++;
    this.#totals.bytes += packet.length;
    if (this.#batch.wasCut(index)) this.#totals.dropped++;
    const segment = parseSegment(packet);
    if (segment === undefined) return;
    this.#scan.scan(segment);
    if (segment.protocol !== 'tcp' || segment.payload.length === 0) return;
    this.#totals.payloadBytes += segment.payload.length;
    this.#latestPayload = Buffer.from(segment.payload.subarray(0, excerptBytes));
  }
}

function openHere<T>(interfaceName: string, make: (fd: number) => T): T {
  const index = interfaceIndex(interfaceName);
  // Protocol 0 takes nothing until bind names interface and protocol, so no foreign packet slips in.
  const fd = call('socket', [afPacket, sockDgram | sockNonblock | sockCloexec, 0], 'open capture');
  try {
    enlargeBuffer(fd);
    // Loopback shows each packet twice, going out and coming in.
    if (interfaceName === 'lo') setOption(fd, 'packetIgnoreOutgoing', 1);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(afPacket, 0);
    address.writeUInt16BE(everyProtocol, 2);
    address.writeInt32LE(index, 4);
    call('bind', [fd, address, address.length], `capture ${interfaceName}`);
    return make(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function enlargeBuffer(fd: number): void {
  try {
    setOption(fd, 'receiveBufferForce', wantedBufferBytes);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    setOption(fd, 'receiveBuffer', wantedBufferBytes); // as much as an ordinary user may have
  }
}

/** Memory for one recvmmsg(2) call. */
class Batch {
  readonly #headers = Buffer.alloc(batchPackets * mmsghdrBytes);
  readonly #vectors = Buffer.alloc(batchPackets * 16);
  readonly #packets = Buffer.alloc(batchPackets * maxPacketBytes);

  constructor() {
    const vectors = addressOf(this.#vectors);
    const packets = addressOf(this.#packets);
    for (let index = 0; index < batchPackets; index++) {
      this.#vectors.writeBigUInt64LE(packets + BigInt(index * maxPacketBytes), index * 16);
      this.#vectors.writeBigUInt64LE(BigInt(maxPacketBytes), index * 16 + 8);
      this.#headers.writeBigUInt64LE(vectors + BigInt(index * 16), index * mmsghdrBytes + 16);
      this.#headers.writeBigUInt64LE(1n, index * mmsghdrBytes + 24);
    }
  }

  /** How many packets came; 0 when none waits or the link is down or gone. */
  receive(fd: number): number {
    const none = ['EAGAIN', 'ENETDOWN', 'ENXIO'];
    const args = [fd, this.#headers, batchPackets, msgDontwait, null];
    const result = call('recvmmsg', args, 'receive captured packets', none);
    return result === failed ? 0 : result;
  }

  /** Valid until the next receive. */
  packet(index: number): Buffer {
    const length = this.#headers.readUInt32LE(index * mmsghdrBytes + 56);
    return this.#packets.subarray(index * maxPacketBytes, index * maxPacketBytes + length);
  }

  wasCut(index: number): boolean {
    return (this.#headers.readInt32LE(index * mmsghdrBytes + 48) & msgTrunc) !== 0;
  }
}
