// From paths on the command line to the texts of manifest files: files, folders with all that is below,
// and `-` for standard input.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../runtime/errors.ts';

/** A manifest as text; its name is as messages show it. */
export interface SourceText {
  readonly name: string;
  readonly text: string;
}

/** Larger files are no manifests. */
const maxFileBytes = 32 * 1024 * 1024;
/** Files below all folders that were named. */
const maxFiles = 10_000;

/** Reads everything that is named. `readInput` reads standard input. @throws AmbitError AMB1693 for what
 * cannot be read */
export async function readSources(
  names: readonly string[],
  cwd: string,
  readInput: () => Promise<string>,
): Promise<SourceText[]> {
  const sources: SourceText[] = [];
  for (const name of names) {
    if (name === '-') sources.push({ name: '-', text: await readInput() });
    else
      sources.push(...filesBelow(name, cwd).map((file) => ({ name: file, text: read(file, cwd) })));
  }
  return sources;
}

function filesBelow(name: string, cwd: string): string[] {
  const place = path.resolve(cwd, name);
  const found = attempt(name, () => statSync(place));
  if (!found.isDirectory()) return [name];
  const files = attempt(name, () =>
    readdirSync(place, { recursive: true, encoding: 'utf8' }).filter(isManifest),
  );
  if (files.length > maxFiles) {
    throw new AmbitError('AMB1693', `there are more than ${maxFiles} files`, { object: name });
  }
  return files.toSorted().map((file) => path.join(name, file));
}

/** Hidden folders and installed packages hold other people's files. */
function isManifest(file: string): boolean {
  const parts = file.split(path.sep);
  const isHidden = parts.some((part) => part.startsWith('.') || part === 'node_modules');
  return !isHidden && /\.(ya?ml|json)$/i.test(file);
}

function read(name: string, cwd: string): string {
  const place = path.resolve(cwd, name);
  const { size } = attempt(name, () => statSync(place));
  if (size > maxFileBytes) {
    throw new AmbitError('AMB1693', `is larger than ${maxFileBytes} bytes`, { object: name });
  }
  return attempt(name, () => readFileSync(place, 'utf8'));
}

function attempt<T>(name: string, task: () => T): T {
  try {
    return task();
  } catch (cause) {
    throw new AmbitError('AMB1693', 'cannot be read', { object: name, cause });
  }
}
