// What an executable or library asks of the dynamic loader, read from its file (ELF, 64 bit, little
// endian: all that images are built for), so that what an image lacks is known without running it.

import { closeSync, openSync, readSync } from 'node:fs';

export interface ElfNeeds {
  /** The dynamic loader; libraries have none. */
  readonly interpreter: string | undefined;
  /** File names of libraries (DT_NEEDED). */
  readonly libraries: readonly string[];
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

const segmentTypes = { load: 1, dynamic: 2, interpreter: 3 } as const;
const tags = { end: 0, needed: 1, stringTable: 5, stringTableSize: 10 } as const;

/** Undefined where the file is no ELF file, such as a script. */
export function elfNeeds(file: string): ElfNeeds | undefined {
  const descriptor = openSync(file, 'r');
  try {
    const read = (offset: number, size: number): Buffer => {
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, size, offset));
    };
    const header = read(0, 64);
    if (header.length < 64 || header.readUInt32BE(0) !== 0x7f454c46) return undefined;
    const segments = readSegments(header, read);
    const interpreter = segments.find(({ type }) => type === segmentTypes.interpreter);
    return {
      interpreter: interpreter && textAt(read(interpreter.offset, interpreter.size), 0),
      libraries: neededLibraries(segments, read),
    };
  } finally {
    closeSync(descriptor);
  }
}

function readSegments(header: Buffer, read: (offset: number, size: number) => Buffer): Segment[] {
  const size = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  const table = read(Number(header.readBigUInt64LE(32)), size * count);
  return Array.from({ length: count }, (_, index) => {
    const entry = table.subarray(index * size);
    return {
      type: entry.readUInt32LE(0),
      offset: Number(entry.readBigUInt64LE(8)),
      address: Number(entry.readBigUInt64LE(16)),
      size: Number(entry.readBigUInt64LE(32)),
    };
  });
}

function neededLibraries(
  segments: readonly Segment[],
  read: (offset: number, size: number) => Buffer,
): string[] {
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  if (dynamic === undefined) return [];
  const table = read(dynamic.offset, dynamic.size);
  const names: number[] = [];
  const values = new Map<number, number>();
  for (let at = 0; at + 16 <= table.length; at += 16) {
    const tag = Number(table.readBigInt64LE(at));
    const value = Number(table.readBigUInt64LE(at + 8));
    if (tag === tags.end) break;
    if (tag === tags.needed) names.push(value);
    values.set(tag, value);
  }
  const address = values.get(tags.stringTable) ?? 0;
  const home = segments.find(
    (one) =>
      one.type === segmentTypes.load && address >= one.address && address < one.address + one.size,
  );
  if (home === undefined) return [];
  const strings = read(home.offset + address - home.address, values.get(tags.stringTableSize) ?? 0);
  return names.map((at) => textAt(strings, at));
}

function textAt(bytes: Buffer, start: number): string {
  return bytes.toString('latin1', start, bytes.indexOf(0, start));
}
