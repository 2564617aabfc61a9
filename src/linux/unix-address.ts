// Paths of Unix domain sockets, including those longer than struct sockaddr_un holds.

import { closeSync, constants, openSync } from 'node:fs';
import path from 'node:path';

const afUnix = 1;
const pathAt = 2;
const maxPathBytes = 107;

/** Gives `body` the kernel's form of a socket path. A long one is reached through an open folder.
 * @throws the error of open(2) if the folder of a long path is missing */
export function withUnixAddress<T>(file: string, body: (address: Buffer) => T): T {
  if (Buffer.byteLength(file) <= maxPathBytes) return body(encode(file));
  const folder = openSync(path.dirname(file), constants.O_DIRECTORY);
  try {
    return body(encode(`/proc/self/fd/${folder}/${path.basename(file)}`));
  } finally {
    closeSync(folder);
  }
}

function encode(file: string): Buffer {
  const name = Buffer.from(file);
  const bytes = Buffer.alloc(pathAt + name.length + 1);
  bytes.writeUInt16LE(afUnix, 0);
  bytes.set(name, pathAt);
  return bytes;
}
