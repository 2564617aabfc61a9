// A program of a few hundred bytes that starts the plugin with the C library that was installed beside
// it. The plugin is Node, which wants libstdc++, libatomic and a glibc; many hosts lack one of them, and
// some have no shell either, so the launcher needs nothing: it makes one system call. Pure.
// Form: ELF-64, System V ABI; execve(2), write(2) and exit(2) of the two processors.

/** Processors that hosts have, as Node names them. */
export type Processor = 'x64' | 'arm64';

/** What the launcher starts. */
export interface Launch {
  /** The program's path on the host. */
  readonly path: string;
  /** Its arguments, the first of which is its name. */
  readonly words: readonly string[];
  /** Written to standard output when it cannot be started, before exit code 1. */
  readonly complaint: string;
}

/** Where the file is put in memory, as a whole. */
const base = 0x400000n;
const headerSize = 64 + 56;
const machines = { x64: 62, arm64: 183 } as const;
/** Large enough for the code of both. */
const codeSize = 96;

/** Makes the launcher's file. */
export function launcherProgram(processor: Processor, launch: Launch): Uint8Array {
  const data = new DataPart(base + BigInt(headerSize + codeSize));
  const complaint = Buffer.from(launch.complaint);
  const texts = launch.words.map((word) => data.add(Buffer.from(`${word}\0`)));
  const addresses = {
    path: data.add(Buffer.from(`${launch.path}\0`)),
    words: data.addAddresses([...texts, 0n]),
    complaint: data.add(complaint),
    complaintSize: BigInt(complaint.length),
  };
  const code = processor === 'x64' ? codeX64(addresses) : codeArm64(addresses);
  const body = Buffer.concat([code, Buffer.alloc(codeSize - code.length), data.bytes()]);
  return Buffer.concat([header(processor, body.length), body]);
}

interface Addresses {
  readonly path: bigint;
  readonly words: bigint;
  readonly complaint: bigint;
  readonly complaintSize: bigint;
}

/** Constants after the code, with their addresses in memory. */
class DataPart {
  readonly #start: bigint;
  #bytes = Buffer.alloc(0);

  constructor(start: bigint) {
    this.#start = start;
  }

  add(bytes: Buffer): bigint {
    const padding = Buffer.alloc((8 - (this.#bytes.length % 8)) % 8);
    this.#bytes = Buffer.concat([this.#bytes, padding]);
    const address = this.#start + BigInt(this.#bytes.length);
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    return address;
  }

  addAddresses(list: readonly bigint[]): bigint {
    const bytes = Buffer.alloc(8 * list.length);
    for (const [index, address] of list.entries()) bytes.writeBigUInt64LE(address, 8 * index);
    return this.add(bytes);
  }

  bytes(): Buffer {
    return this.#bytes;
  }
}

/** File header and one loadable segment, readable and executable. */
function header(processor: Processor, bodySize: number): Buffer {
  const bytes = Buffer.alloc(headerSize);
  const size = BigInt(headerSize + bodySize);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // 64 bits, little-endian, version 1
  bytes.writeUInt16LE(2, 16); // an executable at fixed addresses
  bytes.writeUInt16LE(machines[processor], 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(base + BigInt(headerSize), 24); // where it begins to run
  bytes.writeBigUInt64LE(64n, 32); // where the segments are listed
  bytes.writeUInt16LE(64, 52); // sizes of this header and of an entry, and their number
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  bytes.writeUInt16LE(64, 58);
  bytes.writeUInt32LE(1, 64); // PT_LOAD
  bytes.writeUInt32LE(5, 68); // read and execute
  bytes.writeBigUInt64LE(base, 80);
  bytes.writeBigUInt64LE(base, 88);
  bytes.writeBigUInt64LE(size, 96);
  bytes.writeBigUInt64LE(size, 104);
  bytes.writeBigUInt64LE(0x10000n, 112); // the largest page of either processor
  return bytes;
}

/** At the start the stack has the number of arguments, their addresses, a zero, then the environment's. */
function codeX64({ path, words, complaint, complaintSize }: Addresses): Buffer {
  const instructions = [
    '488b0424', // mov rax, [rsp]
    '488d54c410', // lea rdx, [rsp + rax*8 + 16]
    `bf${little(path)}`, // mov edi, path
    `be${little(words)}`, // mov esi, words
    `b8${little(59n)}0f05`, // execve
    `bf${little(1n)}be${little(complaint)}`, // mov edi, 1; mov esi, complaint
    `ba${little(complaintSize)}b8${little(1n)}0f05`, // write
    `bf${little(1n)}b8${little(60n)}0f05`, // exit(1)
  ];
  return Buffer.from(instructions.join(''), 'hex');
}

function codeArm64({ path, words, complaint, complaintSize }: Addresses): Buffer {
  const call = 0xd4000001; // svc #0
  const instructions = [
    0xf94003e0, // ldr x0, [sp]
    0x8b206fe2, // add x2, sp, x0, lsl #3
    0x91004042, // add x2, x2, #16
    loadArm64(0, path),
    loadArm64(1, words),
    [moveArm64(8, 221), call], // execve
    moveArm64(0, 1),
    loadArm64(1, complaint),
    loadArm64(2, complaintSize),
    [moveArm64(8, 64), call], // write
    moveArm64(0, 1),
    [moveArm64(8, 93), call], // exit(1)
  ].flat();
  const bytes = Buffer.alloc(4 * instructions.length);
  for (const [index, one] of instructions.entries()) bytes.writeUInt32LE(one, 4 * index);
  return bytes;
}

/** movz: a register gets 16 bits. */
function moveArm64(register: number, value: number): number {
  return (0xd2800000 | (value << 5) | register) >>> 0;
}

/** movz and movk: a register gets 32 bits. */
function loadArm64(register: number, value: bigint): number[] {
  const low = Number(value & 0xffffn);
  const high = Number(value >> 16n);
  return [moveArm64(register, low), (0xf2a00000 | (high << 5) | register) >>> 0];
}

/** 32 bits, the lowest byte first, in hexadecimal. */
function little(value: bigint): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Number(value));
  return bytes.toString('hex');
}
