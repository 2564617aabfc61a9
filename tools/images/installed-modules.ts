// The folder with the npm packages, Node among them, for an architecture: this repository's own, or for
// a foreign one what npm installs from the same lock file.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../src/runtime/errors.ts';
import type { Architecture } from './architecture.ts';

export interface InstalledModules {
  /** Has `node_modules`. */
  readonly folder: string;
  /** The Node of that architecture. */
  readonly node: string;
}

/** @throws AmbitError AMB1032 with npm's words */
export function installedModules(
  repository: string,
  architecture: Architecture,
  cache: string,
): InstalledModules {
  const node = path.join('node_modules', `node-linux-${architecture.npm}`, 'bin', 'node');
  if (architecture.native && existsSync(path.join(repository, node))) {
    return { folder: repository, node: path.join(repository, node) };
  }
  const folder = path.join(cache, 'modules');
  mkdirSync(folder, { recursive: true });
  for (const name of ['package.json', 'package-lock.json']) {
    copyFileSync(path.join(repository, name), path.join(folder, name));
  }
  const platform = ['--os', 'linux', '--cpu', architecture.npm, '--libc', 'glibc'];
  // Not `ci`, which asks the lock file for packages of all platforms, while it has those of one.
  const words = ['install', '--no-save', '--omit', 'dev', '--ignore-scripts', ...platform];
  const done = spawnSync('npm', words, { cwd: folder, encoding: 'utf8' });
  if (done.status !== 0 || !existsSync(path.join(folder, node))) {
    const what = `could not install the packages for ${architecture.debian}: ${done.stderr.slice(0, 500)}`;
    throw new AmbitError('AMB1032', what);
  }
  return { folder, node: path.join(folder, node) };
}
