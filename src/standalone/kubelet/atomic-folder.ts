// Writing a folder of files so that a reader sees all of the old ones or all of the new ones, as the
// kubelet's volumes do: `NAME -> ..data/NAME`, `..data -> ..GENERATION`, and the switch is one rename.

import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { VolumeFile } from './volume-content.ts';

const dataLink = '..data';

/** Replaces the content of `folder`, which is made if missing. @throws what the file system throws */
export function writeFolder(folder: string, files: ReadonlyMap<string, VolumeFile>): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const previous = currentGeneration(folder);
  const generation = `..${Number(previous?.slice(2) ?? 0) + 1}`;
  const fresh = path.join(folder, generation);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o755 });
  for (const [name, file] of files) writeOne(fresh, name, file);
  const link = path.join(folder, '..data_tmp');
  rmSync(link, { force: true });
  symlinkSync(generation, link);
  renameSync(link, path.join(folder, dataLink));
  linkNames(folder, files);
  if (previous !== undefined) rmSync(path.join(folder, previous), { recursive: true, force: true });
}

function currentGeneration(folder: string): string | undefined {
  try {
    return readlinkSync(path.join(folder, dataLink));
  } catch {
    return undefined; // the first time
  }
}

function writeOne(folder: string, name: string, file: VolumeFile): void {
  const target = path.join(folder, name);
  if (!target.startsWith(`${folder}/`)) throw new Error(`${name} leads out of the volume`);
  mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 });
  writeFileSync(target, file.bytes);
  chmodSync(target, file.mode);
}

/** Keeps one link per first path element; names that are gone lose theirs. */
function linkNames(folder: string, files: ReadonlyMap<string, VolumeFile>): void {
  const wanted = new Set([...files.keys()].map((name) => path.normalize(name).split('/')[0] ?? ''));
  const present = new Set(readdirSync(folder).filter((name) => !name.startsWith('..')));
  for (const name of present) if (!wanted.has(name)) rmSync(path.join(folder, name));
  for (const name of wanted) {
    if (!present.has(name)) symlinkSync(path.join(dataLink, name), path.join(folder, name));
  }
}
