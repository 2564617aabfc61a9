// The part of an image that is the system: folders, users, certificates, and of Debian's packages the
// programs that are asked for, the libraries that these are linked with, and the licences of both.

import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../../src/runtime/errors.ts';
import type { Architecture } from './architecture.ts';
import type { UnpackedPackage } from './debian.ts';
import { elfNeeds } from './elf.ts';

const users = `root:x:0:0:root:/root:/sbin/nologin
ambit:x:1337:1337:ambit:/nonexistent:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
`;
const groups = `root:x:0:
ambit:x:1337:
nogroup:x:65534:
`;

/** Folders that mounts and programs expect. */
const emptyFolders = [
  'dev',
  'etc',
  'proc',
  'root',
  'run',
  'sys',
  'tmp',
  'usr/bin',
  'usr/sbin',
  'var',
];
/** One tree below /usr: packages of Debian 12 put some of their files directly below the root. */
const merged = ['bin', 'lib', 'lib64', 'sbin'];

/** Lays out an empty system. */
export function layOutSystem(target: string): void {
  for (const folder of [...emptyFolders, ...merged.map((name) => `usr/${name}`)]) {
    mkdirSync(path.join(target, folder), { recursive: true });
  }
  for (const name of merged) symlinkSync(`usr/${name}`, path.join(target, name));
  symlinkSync('../run', path.join(target, 'var/run'));
  chmodSync(path.join(target, 'tmp'), 0o1777);
  writeFileSync(path.join(target, 'etc/passwd'), users);
  writeFileSync(path.join(target, 'etc/group'), groups);
  writeFileSync(path.join(target, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

/** Joins the authorities of the package `ca-certificates` where OpenSSL looks for them. */
export function addCertificates(authorities: UnpackedPackage, target: string): void {
  const folder = path.join(authorities.folder, 'usr/share/ca-certificates/mozilla');
  const texts = readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(path.join(folder, name), 'utf8'));
  mkdirSync(path.join(target, 'etc/ssl/certs'), { recursive: true });
  writeFileSync(path.join(target, 'etc/ssl/certs/ca-certificates.crt'), texts.join(''));
}

/** Copies programs out of packages. */
export function addPrograms(
  programs: Readonly<Record<string, readonly string[]>>,
  packages: readonly UnpackedPackage[],
  target: string,
): string[] {
  return Object.entries(programs).flatMap(([name, files]) =>
    files.map((file) => {
      const from = packages.find((one) => one.name === name);
      const found = from && findFile(from, file);
      if (found === undefined) throw new AmbitError('AMB1034', `package ${name} has no ${file}`);
      const place = path.join(target, file);
      copyFileSync(found, place);
      return place;
    }),
  );
}

/** Copies the libraries that files are linked with, those of these, and so on. What an earlier layer
 * has, `present`, is left out.
 * @returns the file names of all libraries, `present` among them
 * @throws AmbitError AMB1034 naming a library that no package has */
export function addLibraries(
  files: readonly string[],
  packages: readonly UnpackedPackage[],
  architecture: Architecture,
  target: string,
  present: ReadonlySet<string> = new Set(),
): ReadonlySet<string> {
  const added = new Set(present);
  const waiting = [...files];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const needs = elfNeeds(file);
    const loader = needs?.interpreter && path.basename(needs.interpreter);
    for (const name of [...(needs?.libraries ?? []), ...(loader ? [loader] : [])]) {
      if (added.has(name)) continue;
      added.add(name);
      const found = findLibrary(name, packages, architecture);
      if (found === undefined) {
        throw new AmbitError('AMB1034', `${path.basename(file)} needs ${name}, which is missing`);
      }
      const folder =
        name === loader ? path.dirname(`usr${needs?.interpreter}`) : libraryFolder(architecture);
      copyTo(found, path.join(target, folder, name));
      waiting.push(found);
    }
  }
  return added;
}

/** The description and the licence of each package, where scanners of images look for them. */
export function addDescriptions(packages: readonly UnpackedPackage[], target: string): void {
  for (const { name, folder, control } of packages) {
    const status = path.join(target, 'var/lib/dpkg/status.d', name);
    mkdirSync(path.dirname(status), { recursive: true });
    writeFileSync(status, control);
    const documents = `usr/share/doc/${name}`;
    const licence = path.join(folder, documents, 'copyright');
    if (!existsSync(licence)) continue;
    cpSync(realpathSync(licence), path.join(target, documents, 'copyright'), { recursive: true });
  }
}

function libraryFolder({ triplet }: Architecture): string {
  return `usr/lib/${triplet}`;
}

function findLibrary(
  name: string,
  packages: readonly UnpackedPackage[],
  architecture: Architecture,
): string | undefined {
  for (const one of packages) {
    const found = findFile(one, `${libraryFolder(architecture)}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A file of a package, below /usr or directly below the root; through links, which lead to its versions. */
function findFile({ folder }: UnpackedPackage, file: string): string | undefined {
  return [file, file.replace(/^usr\//, '')]
    .map((name) => path.join(folder, name))
    .filter((place) => existsSync(place))
    .map((place) => realpathSync(place))[0];
}

function copyTo(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}
