// A client that writes HTTP/2 frames byte by byte (RFC 9113, section 4), for what no library would send.

import { connect, type TLSSocket } from 'node:tls';
import { contextOptions } from '../../src/dataplane/certificates/tls-options.ts';
import type { WorkloadCertificate } from '../../src/dataplane/certificates/workload-certificate.ts';
import type { Endpoint } from '../../src/mesh/address.ts';

/** Frame types in use. */
export const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
} as const;
/** END_STREAM of data and headers; ACK of settings and ping. */
export const firstFlag = 0x1;
export const endHeaders = 0x4;

/** One frame. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields without compression (RFC 7541, section 6.2.2). */
export function fields(...pairs: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

/** A length with a prefix of seven bits (RFC 7541, section 5.1), and the bytes. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** HEADERS of a CONNECT. */
export function connectFrame(stream: number, authority: string, flags = endHeaders): Buffer {
  const block = fields([':method', 'CONNECT'], [':authority', authority]);
  return frame(frameTypes.headers, flags, stream, block);
}

/** What has come back. */
export interface Received {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** The whole frames at the beginning of some bytes, and what follows them. */
export function readFrames(bytes: Buffer): { frames: Received[]; rest: Buffer } {
  const frames: Received[] = [];
  let rest = bytes;
  while (rest.length >= 9) {
    const end = 9 + rest.readUIntBE(0, 3);
    if (rest.length < end) break;
    const [type = 0, flags = 0] = rest.subarray(3, 5);
    frames.push({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
    rest = rest.subarray(end);
  }
  return { frames, rest };
}

/** A connection after its TLS handshake, with the preface and empty settings sent. */
export class RawHttp2 implements Disposable {
  readonly socket: TLSSocket;
  readonly received: Received[] = [];
  readonly closed: Promise<void>;
  #held: Buffer = Buffer.alloc(0);

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.write(frame(frameTypes.settings, 0, 0));
  }

  static async open(peer: Endpoint, certificate: WorkloadCertificate): Promise<RawHttp2> {
    const socket = connect({
      ...contextOptions(certificate),
      host: peer.address,
      port: peer.port,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return new RawHttp2(socket);
  }

  write(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The first frame of a kind; undefined once the connection is closed without one. */
  async next(fits: (frame: Received) => boolean): Promise<Received | undefined> {
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined || this.socket.destroyed) return found;
      await Promise.race([
        new Promise((resolve) => this.socket.once('data', resolve)),
        this.closed,
      ]);
    }
  }

  #take(chunk: Buffer): void {
    const { frames, rest } = readFrames(Buffer.concat([this.#held, chunk]));
    this.received.push(...frames);
    this.#held = rest;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
