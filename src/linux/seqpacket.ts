// Unix domain sockets of type SEQPACKET, with file descriptors passed along: what the node agent and
// the node proxy talk over (ZDS, protocol reference 2.6). Main thread only; see readiness.ts.

import { closeSync, lstatSync, rmSync } from 'node:fs';
import { receivePacket, sendPacket } from './ancillary.ts';
import { LinuxError } from './errors.ts';
import { call, failed } from './libc.ts';
import { eventually } from './readiness.ts';
import { sockCloexec } from './sockets.ts';
import { withUnixAddress } from './unix-address.ts';

const afUnix = 1;
const seqpacketFlags = 5 | 0x800 | sockCloexec;
const shutdownBoth = 2;
const backlog = 16;

/** The longest packet either side of ZDS reads. */
export const maxPacketBytes = 1024;
/** The most packets that wait to be sent on one socket. */
export const maxQueuedPackets = 128;
const maxDescriptors = 1;

/** One received packet. */
export interface SeqpacketMessage {
  readonly bytes: Uint8Array;
  /** Close-on-exec; the receiver owns them. */
  readonly descriptors: number[];
}

/** One end of a connection. */
export class SeqpacketSocket implements Disposable {
  readonly #fd: number;
  #open = true;
  #receiving = false;
  #queued = 0;
  #lastSend: Promise<unknown> = Promise.resolve();
  readonly #stops = new Set<() => void>();

  /** Takes over a connected descriptor. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws LinuxError ENOENT or ECONNREFUSED without a listener, EAGAIN when too many are waiting */
  static async connect(path: string): Promise<SeqpacketSocket> {
    const fd = call('socket', [afUnix, seqpacketFlags, 0], 'open seqpacket socket');
    try {
      withUnixAddress(path, (address) =>
        call('connect', [fd, address, address.length], `connect to ${path}`),
      );
      return new SeqpacketSocket(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Sends one packet, in the order of the calls; settles when the kernel has it. Descriptors stay
   * the caller's and must be open until then.
   * @throws LinuxError EPIPE or ECONNRESET when the peer or this end is closed, EMSGSIZE beyond
   * `maxPacketBytes`, EINVAL for an empty packet (it would read as the end), ENOBUFS beyond
   * `maxQueuedPackets` */
  async send(bytes: Uint8Array, descriptors: readonly number[] = []): Promise<void> {
    if (!this.#open) throw new LinuxError('send packet', 'EPIPE');
    if (bytes.length === 0) throw new LinuxError('send empty packet', 'EINVAL');
    if (bytes.length > maxPacketBytes) {
      throw new LinuxError(`send packet of ${bytes.length} bytes`, 'EMSGSIZE');
    }
    if (this.#queued >= maxQueuedPackets) throw new LinuxError('queue packet', 'ENOBUFS');
    this.#queued++;
    const sent = this.#lastSend.then(() => this.#sendNow(bytes, descriptors));
    this.#lastSend = sent.catch(() => undefined);
    try {
      await sent;
    } finally {
      this.#queued--;
    }
  }

  async #sendNow(bytes: Uint8Array, descriptors: readonly number[]): Promise<void> {
    const attempt = (): 'sent' | undefined => {
      if (!this.#open) throw new LinuxError('send packet', 'EPIPE');
      return sendPacket(this.#fd, bytes, descriptors) ? 'sent' : undefined;
    };
    const result = await this.#wait<'sent' | 'stopped'>(attempt, 'stopped', undefined);
    if (result === 'stopped') throw new LinuxError('send packet', 'EPIPE');
  }

  /** The next packet; undefined once the peer or this end has closed. One call at a time.
   * @throws LinuxError ECANCELED when `signal` fires, EMSGSIZE for a packet longer than
   * `maxPacketBytes`, EPROTO for more than one descriptor (all are closed); the connection stays open */
  async receive(signal?: AbortSignal): Promise<SeqpacketMessage | undefined> {
    if (this.#receiving) throw new LinuxError('receive twice at once', 'EBUSY');
    if (!this.#open) return undefined;
    this.#receiving = true;
    try {
      const attempt = () => receivePacket(this.#fd, maxPacketBytes);
      const packet = await this.#wait(attempt, 'closed', signal);
      if (packet === 'closed') return undefined;
      if (packet.descriptors.length > maxDescriptors) {
        for (const one of packet.descriptors) closeSync(one);
        throw new LinuxError(`receive ${packet.descriptors.length} descriptors`, 'EPROTO');
      }
      return packet;
    } finally {
      this.#receiving = false;
    }
  }

  async #wait<T>(
    attempt: () => T | undefined,
    onClose: T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    let stop: (() => void) | undefined;
    const register = (settle: (value: T) => void): void => {
      stop = () => settle(onClose);
      this.#stops.add(stop);
    };
    try {
      return await eventually(this.#fd, attempt, register, signal);
    } finally {
      if (stop !== undefined) this.#stops.delete(stop);
    }
  }

  /** Closes this end: a pending receive gives undefined, pending sends fail, the peer sees the end. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const stop of this.#stops) stop();
    this.#stops.clear();
    call('shutdown', [this.#fd, shutdownBoth], 'shut down', ['ENOTCONN']);
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A listening socket. */
export class SeqpacketServer implements Disposable {
  readonly #fd: number;
  readonly #path: string;
  readonly #inode: number;
  #open = true;
  #stop: (() => void) | undefined;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
    this.#inode = lstatSync(path).ino;
  }

  /** Listens at `path`; a file that is there is removed first. @throws LinuxError */
  static listen(path: string): SeqpacketServer {
    rmSync(path, { force: true });
    const fd = call('socket', [afUnix, seqpacketFlags, 0], 'open seqpacket socket');
    try {
      withUnixAddress(path, (address) =>
        call('bind', [fd, address, address.length], `bind ${path}`),
      );
      call('listen', [fd, backlog], `listen at ${path}`);
      return new SeqpacketServer(fd, path);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** The next connection; undefined once closed. One call at a time.
   * @throws LinuxError ECANCELED when `signal` fires, EMFILE */
  async accept(signal?: AbortSignal): Promise<SeqpacketSocket | undefined> {
    if (!this.#open) return undefined;
    if (this.#stop !== undefined) throw new LinuxError('accept twice at once', 'EBUSY');
    const none = ['EAGAIN', 'ECONNABORTED'];
    const flags = sockCloexec | 0x800;
    const attempt = (): SeqpacketSocket | undefined => {
      const fd = call('accept4', [this.#fd, null, null, flags], `accept at ${this.#path}`, none);
      return fd === failed ? undefined : new SeqpacketSocket(fd);
    };
    const register = (settle: (value: undefined) => void): void => {
      this.#stop = () => settle(undefined);
    };
    try {
      return await eventually<SeqpacketSocket | undefined>(this.#fd, attempt, register, signal);
    } finally {
      this.#stop = undefined;
    }
  }

  /** All connections until close(). */
  async *[Symbol.asyncIterator](): AsyncGenerator<SeqpacketSocket, void> {
    for (let next = await this.accept(); next !== undefined; next = await this.accept()) yield next;
  }

  /** Stops listening and removes its file; accepted connections live on. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stop?.();
    closeSync(this.#fd);
    // Whoever took over the path meanwhile keeps it.
    if (lstatSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode) rmSync(this.#path);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
