// An application that takes the PROXY protocol, version 2: read here from HAProxy's description of it,
// independently of our writer.

import type { Socket } from 'node:net';
import { type Endpoint, ipFromBytes } from '../../src/mesh/address.ts';

/** A header as an application reads it. */
export interface ReadProxyHeader {
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Type, length and value triples (section 2.2). */
  readonly fields: ReadonlyMap<number, string>;
  /** How long it was; the application's bytes follow. */
  readonly length: number;
}

/** Reads a header; undefined as long as it is not whole. Throws when it is none. */
export function readProxyHeader(bytes: Buffer): ReadProxyHeader | undefined {
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
  const seen = Math.min(bytes.length, signature.length);
  if (!bytes.subarray(0, seen).equals(signature.subarray(0, seen))) throw new Error('no signature');
  if (bytes.length < 16) return undefined;
  if (bytes[12] !== 0x21) throw new Error(`version and command ${bytes[12]}`);
  const size = { 0x11: 4, 0x21: 16 }[bytes[13] ?? 0];
  if (size === undefined) throw new Error(`family and transport ${bytes[13]}`);
  const length = 16 + bytes.readUInt16BE(14);
  if (bytes.length < length) return undefined;
  const address = (at: number) => {
    const found = ipFromBytes(bytes.subarray(at, at + size));
    if (found === undefined) throw new Error('no address');
    return found;
  };
  const ports = 16 + 2 * size;
  const fields = new Map<number, string>();
  for (let at = ports + 4; at < length; at += 3 + bytes.readUInt16BE(at + 1)) {
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > length) throw new Error('a field beyond the end');
    fields.set(bytes.readUInt8(at), bytes.toString('utf8', at + 3, end));
  }
  return {
    source: { address: address(16), port: bytes.readUInt16BE(ports) },
    destination: { address: address(16 + size), port: bytes.readUInt16BE(ports + 2) },
    fields,
    length,
  };
}

/** The header that a connection begins with, and what came with it. */
export function receiveProxyHeader(
  socket: Socket,
): Promise<{ header: ReadProxyHeader; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      try {
        const header = readProxyHeader(bytes);
        if (header === undefined) return;
        socket.off('data', take);
        resolve({ header, rest: bytes.subarray(header.length) });
      } catch (error) {
        reject(error as Error);
      }
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('ended before a header')));
  });
}
