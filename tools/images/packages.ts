// The npm packages that a program needs, with all that they need, and of these what runs.

import { cpSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../src/runtime/errors.ts';

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Packages of types alone, and those for another runtime (Bare), which bring programs for all platforms. */
const neverRun = /^(?:@types\/.*|undici-types|bare-.*)$/;

/** Types, maps, prose and sources of what is compiled already. Licences stay. */
const needless = [
  /\.(?:[cm]?ts|map|md|markdown|flow|cc|hh|h|c|cpp|gyp|gypi|html|tsbuildinfo)$/,
  /^(?:\.github|\.nyc_output|coverage)\//,
  // The same again for bundlers, which Node never looks at (OpenTelemetry).
  /^build\/(?:esm|esnext)\//,
  // Images have Debian's C library.
  /(?:^|\/)musl_\w+\//,
  /^(?:test|tests|__tests__|docs?|benchmarks?|examples?)\//,
];
const licence = /(?:licen[cs]e|copying|notice)[^/]*$/i;

/** The folders below `root`/node_modules of those packages and all that they depend on, sorted.
 * @throws AmbitError AMB1032 naming a package that is not installed */
export function packageFolders(root: string, names: readonly string[]): string[] {
  const found = new Set<string>();
  const waiting = names.map((name) => ({ name, from: root, optional: false }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const folder = resolve(root, next.from, next.name);
    if (folder === undefined) {
      if (next.optional) continue;
      throw new AmbitError('AMB1032', `package ${next.name}, which ${next.from} needs, is missing`);
    }
    if (found.has(folder)) continue;
    found.add(folder);
    const wants = readPackage(folder);
    const add = (list: Readonly<Record<string, string>> = {}, optional: boolean): void => {
      for (const name of Object.keys(list)) {
        if (!neverRun.test(name)) waiting.push({ name, from: folder, optional });
      }
    };
    add(wants.optionalDependencies, true);
    // npm installs these where they are not marked optional, and some packages import them.
    add(wants.peerDependencies, true);
    add(
      Object.fromEntries(
        Object.entries(wants.dependencies ?? {}).filter(
          ([name]) => wants.optionalDependencies?.[name] === undefined,
        ),
      ),
      false,
    );
  }
  return [...found].toSorted();
}

/** Copies what runs of a package into the same place below `target`. */
export function copyPackage(root: string, folder: string, target: string): void {
  const relative = path.relative(root, folder);
  const from = realpathSync(folder);
  cpSync(from, path.join(target, relative), {
    recursive: true,
    dereference: true,
    filter: (source) => {
      const inside = path.relative(from, source);
      // What is nested is a package of its own, with a place in the list where it is needed.
      if (inside === 'node_modules') return false;
      return licence.test(inside) || !needless.some((pattern) => pattern.test(`${inside}`));
    },
  });
}

/** Looks where Node looks: beside the package that asks, then in each folder above it. */
function resolve(root: string, from: string, name: string): string | undefined {
  for (let place = from; place.startsWith(root); place = path.dirname(place)) {
    const folder = path.join(place, 'node_modules', name);
    if (path.basename(place) !== 'node_modules' && existsSync(path.join(folder, 'package.json'))) {
      return folder;
    }
  }
  return undefined;
}

function readPackage(folder: string): PackageFile {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as PackageFile;
}
