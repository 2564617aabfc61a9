// Questions and answers as a client sees them, decoded independently of the code under test.

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const types: Record<string, number> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  ANY: 255,
};

export interface Answer {
  readonly code: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  /** `name TYPE data`, in order. */
  readonly answers: string[];
  readonly authority: string[];
  readonly additional: string[];
}

/** The bytes of a question. */
export function question(name: string, type: string, udpSize?: number): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  const encoded = labels.map((label) =>
    Buffer.concat([Buffer.of(label.length), Buffer.from(label)]),
  );
  const opt = Buffer.alloc(udpSize === undefined ? 0 : 11);
  if (udpSize !== undefined) {
    opt.writeUInt16BE(41, 1);
    opt.writeUInt16BE(udpSize, 3);
  }
  return Buffer.concat([
    Buffer.of(0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, udpSize === undefined ? 0 : 1),
    ...encoded,
    Buffer.of(0, 0, types[type] ?? 0, 0, 1),
    opt,
  ]);
}

/** Reads an answer; throws on anything malformed. */
export function readAnswer(bytes: Buffer): Answer {
  const flags = bytes.readUInt16BE(2);
  if (bytes.readUInt16BE(0) !== 0x1234 || (flags & 0x8000) === 0) throw new Error('no answer');
  let at = 12;
  if (bytes.readUInt16BE(4) === 1) at = nameAt(bytes, at).next + 4;
  const section = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const record = recordAt(bytes, at);
      at = record.next;
      return record.text;
    }).filter((text) => text !== '');
  const answer = {
    code: flags & 15,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    answers: section(bytes.readUInt16BE(6)),
    authority: section(bytes.readUInt16BE(8)),
    additional: section(bytes.readUInt16BE(10)),
  };
  if (at !== bytes.length) throw new Error('bytes are left over');
  return answer;
}

function nameAt(bytes: Buffer, start: number): { name: string; next: number } {
  const labels: string[] = [];
  let at = start;
  let next = 0;
  for (let steps = 0; steps < 200; steps++) {
    const size = bytes.readUInt8(at);
    if (size === 0) return { name: labels.join('.'), next: next === 0 ? at + 1 : next };
    if (size >= 0xc0) {
      if (next === 0) next = at + 2;
      at = bytes.readUInt16BE(at) & 0x3fff;
    } else {
      labels.push(bytes.toString('latin1', at + 1, at + 1 + size));
      at += 1 + size;
    }
  }
  throw new Error('a name without end');
}

function recordAt(bytes: Buffer, start: number): { text: string; next: number } {
  const { name, next } = nameAt(bytes, start);
  const type = bytes.readUInt16BE(next);
  const data = next + 10;
  const length = bytes.readUInt16BE(next + 8);
  const typeName = Object.keys(types).find((one) => types[one] === type) ?? String(type);
  const end = data + length;
  if (type === 41) return { text: '', next: end };
  return { text: `${name} ${typeName} ${dataText(bytes, typeName, data, end)}`, next: end };
}

function dataText(bytes: Buffer, type: string, start: number, end: number): string {
  switch (type) {
    case 'A':
      return bytes.subarray(start, end).join('.');
    case 'AAAA':
      return bytes.subarray(start, end).toString('hex');
    case 'SRV':
      return `${bytes.readUInt16BE(start + 4)} ${nameAt(bytes, start + 6).name}`;
    case 'TXT':
      return bytes.toString('latin1', start + 1, end);
    case 'SOA':
      return `negative ${bytes.readUInt32BE(end - 4)}`;
    default:
      return nameAt(bytes, start).name;
  }
}

/** Asks over UDP from this process's namespace. */
export async function askUdp(port: number, query: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  socket.on('error', reject);
  socket.on('message', resolve);
  socket.send(query, port, '127.0.0.1');
  try {
    return await promise;
  } finally {
    socket.close();
  }
}

/** Asks over TCP, several questions on one connection, and gives as many answers. */
export async function askTcp(port: number, queries: readonly Buffer[]): Promise<Buffer[]> {
  const socket = connect(port, '127.0.0.1');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
  let held = Buffer.alloc(0);
  const answers: Buffer[] = [];
  socket.on('error', reject);
  socket.on('close', () => reject(new Error(`closed after ${answers.length} answers`)));
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0);
      answers.push(held.subarray(2, end));
      held = held.subarray(end);
    }
    if (answers.length === queries.length) resolve(answers);
  });
  for (const query of queries) {
    socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 255), query]));
  }
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
