// Files of Debian packages, fetched by apt of this machine and unpacked without installing them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../src/runtime/errors.ts';
import type { Architecture } from './architecture.ts';

export interface UnpackedPackage {
  readonly name: string;
  readonly folder: string;
  /** The package's own description, as Debian's package database has it. */
  readonly control: string;
}

/** Packages of one architecture, fetched and unpacked once per version below a folder. */
export class DebianPackages {
  readonly #apt: readonly string[];
  readonly #cache: string;
  readonly #unpacked = new Map<string, UnpackedPackage>();

  constructor(architecture: Architecture, cache: string) {
    this.#apt = aptFor(architecture, cache);
    this.#cache = cache;
  }

  /** @throws AmbitError AMB1033 with apt's words */
  unpack(names: readonly string[]): UnpackedPackage[] {
    const missing = names.filter((name) => !this.#unpacked.has(name));
    const files = fetchPackages(this.#apt, missing, path.join(this.#cache, 'archives'));
    for (const [name, file] of files) this.#unpacked.set(name, this.#unpackOne(name, file));
    return names.flatMap((name) => this.#unpacked.get(name) ?? []);
  }

  #unpackOne(name: string, file: string): UnpackedPackage {
    const folder = path.join(this.#cache, path.basename(file, '.deb'));
    if (!existsSync(folder)) {
      const partial = `${folder}.partial`;
      rmSync(partial, { recursive: true, force: true });
      output('dpkg-deb', ['-x', file, partial]);
      renameSync(partial, folder);
    }
    return { name, folder, control: output('dpkg-deb', ['-f', file]) };
  }
}

/** Options of apt. For another architecture it gets lists of its own below the cache: the machine's own
 * stay as they are, and nothing is added to what the machine may install. */
function aptFor(architecture: Architecture, cache: string): readonly string[] {
  if (architecture.native) return [];
  const state = path.join(cache, 'apt');
  mkdirSync(path.join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(path.join(state, 'cache', 'archives', 'partial'), { recursive: true });
  const status = path.join(state, 'status');
  writeFileSync(status, '');
  return [
    ['APT::Architecture', architecture.debian],
    ['APT::Architectures', architecture.debian],
    ['Dir::State::Lists', path.join(state, 'lists')],
    ['Dir::State::status', status],
    ['Dir::Cache', path.join(state, 'cache')],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

/** The packages' files by name, of the versions that apt would install. */
function fetchPackages(
  apt: readonly string[],
  names: readonly string[],
  folder: string,
): ReadonlyMap<string, string> {
  if (names.length === 0) return new Map();
  mkdirSync(folder, { recursive: true });
  const wanted = (): ReadonlyMap<string, string> => fileNames(apt, names);
  let files = wanted();
  if (files.size < names.length) {
    run('apt-get', [...apt, 'update']);
    files = wanted();
  }
  const present = readdirSync(folder);
  const missing = names.filter((name) => !present.includes(files.get(name) ?? ''));
  if (missing.length > 0) {
    const done = run('apt-get', [...apt, 'download', ...missing], folder);
    if (done.status !== 0 || files.size < names.length) {
      const what = `could not fetch the Debian packages ${missing.join(', ')}: ${done.stderr}`;
      throw new AmbitError('AMB1033', what);
    }
  }
  return new Map([...files].map(([name, file]) => [name, path.join(folder, file)]));
}

/** What apt would download, without those it does not know. */
function fileNames(apt: readonly string[], names: readonly string[]): ReadonlyMap<string, string> {
  const words = [...apt, 'download', '--print-uris', ...names];
  // One line a package: 'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE DIGEST.
  const lines = run('apt-get', words).stdout.matchAll(/^'\S+' (([^_\s]+)_\S+\.deb) /gm);
  return new Map([...lines].map(([, file = '', name = '']) => [name, file]));
}

function run(command: string, args: readonly string[], cwd?: string) {
  return spawnSync(command, args, { encoding: 'utf8', cwd, maxBuffer: 64 * 1024 * 1024 });
}

function output(command: string, args: readonly string[]): string {
  const done = run(command, args);
  if (done.status === 0) return done.stdout;
  throw new AmbitError('AMB1033', `${command} ${args.join(' ')} failed: ${done.stderr}`);
}
