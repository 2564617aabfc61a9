// A folder as a layer of an image: a tar file whose bytes depend on names and contents only.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  createWriteStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress, constants as zlib } from 'node:zlib';
import { AmbitError } from '../../src/runtime/errors.ts';

/** `none` is for archives that never leave the machine. */
export type Compression = 'gzip' | 'zstd' | 'none';

export interface Layer {
  /** Where the compressed bytes are. */
  readonly file: string;
  readonly mediaType: string;
  /** Of the compressed bytes, as `sha256:HEX`. */
  readonly digest: string;
  /** Of the tar file itself. */
  readonly diffId: string;
  readonly size: number;
  readonly description: string;
}

/** @param kept where compressed layers stay, since the large ones hardly ever change and take a minute
 * @throws AmbitError AMB1035 with tar's words */
export async function makeLayer(
  folder: string,
  description: string,
  kept: string,
  compression: Compression,
): Promise<Layer> {
  mkdirSync(kept, { recursive: true });
  const tar = `${folder}.tar`;
  packFolder(folder, tar);
  const diffId = await digestOf(tar);
  if (compression === 'none') {
    const digest = `sha256:${diffId}`;
    const mediaType = 'application/vnd.oci.image.layer.v1.tar';
    return { file: tar, mediaType, digest, diffId: digest, size: statSync(tar).size, description };
  }
  const file = path.join(kept, `${diffId}.${compression}`);
  if (!existsSync(file)) {
    const partial = `${tar}.${compression}`;
    await pipeline(createReadStream(tar), compressor(compression), createWriteStream(partial));
    renameSync(partial, file);
  }
  rmSync(tar);
  const now = new Date();
  utimesSync(file, now, now);
  return {
    file,
    mediaType: `application/vnd.oci.image.layer.v1.tar+${compression}`,
    digest: `sha256:${await digestOf(file)}`,
    diffId: `sha256:${diffId}`,
    size: statSync(file).size,
    description,
  };
}

/** Removes layers that nobody has used for a week: those of parts change with every build. */
export function forgetOldLayers(kept: string): void {
  const oldest = Date.now() - 7 * 24 * 3_600_000;
  for (const name of readdirSync(kept)) {
    const file = path.join(kept, name);
    if ((statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < oldest) {
      rmSync(file, { force: true });
    }
  }
}

/** Packs what is in a folder so that the same contents give the same bytes.
 * @throws AmbitError AMB1035 with tar's words */
export function packFolder(folder: string, file: string): void {
  settleModes(folder);
  const words = [
    '--create',
    '--format=gnu',
    '--sort=name',
    '--mtime=@0',
    '--hard-dereference',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--file',
    file,
    '--directory',
    folder,
    ...readdirSync(folder).toSorted(),
  ];
  const done = spawnSync('tar', words, { encoding: 'utf8' });
  if (done.status === 0) return;
  throw new AmbitError('AMB1035', `tar of ${folder} failed: ${done.stderr}`);
}

/** SHA-256, in hexadecimal digits. */
async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Readable for all, changed by root alone, whatever umask and source had. */
function settleModes(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const place = path.join(folder, name);
    const { mode } = lstatSync(place);
    if (lstatSync(place).isSymbolicLink()) continue;
    const runs = lstatSync(place).isDirectory() || (mode & 0o111) !== 0;
    chmodSync(place, (mode & 0o1000) === 0 ? (runs ? 0o755 : 0o644) : 0o1777);
  }
}

function compressor(compression: 'gzip' | 'zstd') {
  if (compression === 'gzip') return createGzip({ level: 9 });
  return createZstdCompress({ params: { [zlib.ZSTD_c_compressionLevel]: 19 } });
}
