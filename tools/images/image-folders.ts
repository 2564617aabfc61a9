// What is in an image, as folders: the system with Node, the same for all; the programs a part calls; the
// CNI plugin; and the part itself with its packages.

import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { buildPlugin } from '../build-plugin.ts';
import type { Architecture } from './architecture.ts';
import { compile, compiledName } from './compile.ts';
import type { DebianPackages } from './debian.ts';
import { installedModules } from './installed-modules.ts';
import { moduleGraph } from './module-graph.ts';
import { copyPackage, packageFolders } from './packages.ts';
import { basePackages, type ImagePart, places, programLibraries } from './parts.ts';
import {
  addCertificates,
  addDescriptions,
  addLibraries,
  addPrograms,
  layOutSystem,
} from './system-files.ts';

export interface Inputs {
  readonly repository: string;
  readonly architecture: Architecture;
  readonly version: string;
  /** Keeps what is fetched, for this architecture alone. */
  readonly cache: string;
  readonly debian: DebianPackages;
}

/** One folder of an image: a layer, unless all of them are put into one place. */
export interface ImageFolder {
  /** Equal for parts whose contents of it are. */
  readonly name: string;
  readonly description: string;
  readonly fill: (target: string) => void;
}

/** The folders of a part, lowest first. */
export function imageFolders(part: ImagePart, inputs: Inputs): ImageFolder[] {
  const folders: ImageFolder[] = [
    { name: 'system', description: 'Node and what it needs', fill: (to) => fillSystem(inputs, to) },
  ];
  if (Object.keys(part.programs).length > 0) {
    const description = `Programs of ${Object.keys(part.programs).join(' and ')}`;
    const fill = (to: string): void => fillPrograms(part, inputs, to);
    folders.push({ name: `programs-${part.name}`, description, fill });
  }
  if (part.plugin) {
    const fill = (to: string): void => fillPlugin(inputs, to);
    folders.push({ name: 'plugin', description: 'The CNI plugin for nodes', fill });
  }
  const fill = (to: string): void => fillPart(part, inputs, to);
  folders.push({ name: `part-${part.name}`, description: part.description, fill });
  return folders;
}

function fillSystem(inputs: Inputs, target: string): void {
  const { node } = installedModules(inputs.repository, inputs.architecture, inputs.cache);
  const packages = inputs.debian.unpack(basePackages);
  layOutSystem(target);
  const place = path.join(target, places.node);
  copyFileSync(node, place);
  chmodSync(place, 0o755);
  addLibraries([place], packages, inputs.architecture, target);
  const authorities = packages.find(({ name }) => name === 'ca-certificates');
  if (authorities !== undefined) addCertificates(authorities, target);
  addDescriptions(packages, target);
}

function fillPrograms(part: ImagePart, inputs: Inputs, target: string): void {
  const { architecture, debian } = inputs;
  const present = systemLibraries(inputs);
  const packages = debian.unpack([
    ...Object.keys(part.programs),
    ...programLibraries,
    ...basePackages,
  ]);
  for (const folder of ['usr/bin', 'usr/sbin']) {
    mkdirSync(path.join(target, folder), { recursive: true });
  }
  const programs = addPrograms(part.programs, packages, target);
  addLibraries(programs, packages, architecture, target, present);
  addDescriptions(
    packages.filter(({ name }) => !basePackages.includes(name)),
    target,
  );
}

/** Names of the libraries that the system folder has. */
function systemLibraries({ architecture, cache, repository, debian }: Inputs): ReadonlySet<string> {
  const { node } = installedModules(repository, architecture, cache);
  const packages = debian.unpack(basePackages);
  return addLibraries([node], packages, architecture, path.join(cache, 'system-libraries'));
}

function fillPlugin({ repository, architecture, cache }: Inputs, target: string): void {
  const { node } = installedModules(repository, architecture, cache);
  const place = path.join(target, places.plugin);
  mkdirSync(path.dirname(place), { recursive: true });
  copyFileSync(buildPlugin(node), place);
  chmodSync(place, 0o755);
}

function fillPart(part: ImagePart, inputs: Inputs, target: string): void {
  const { repository, version, architecture, cache } = inputs;
  const modules = installedModules(repository, architecture, cache);
  const graph = moduleGraph(repository, path.join('src', part.entry));
  const home = path.join(target, places.program);
  for (const file of graph.files) {
    const place = path.join(home, compiledName(file));
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, compile(readFileSync(path.join(repository, file), 'utf8')));
  }
  // The nearest one tells Node that these files are modules.
  const about = { name: `ambit-${part.name}`, version, type: 'module', private: true };
  writeFileSync(path.join(home, 'package.json'), `${JSON.stringify(about, null, 2)}\n`);
  copyFileSync(path.join(repository, 'LICENSE'), path.join(home, 'LICENSE'));
  for (const folder of packageFolders(modules.folder, graph.packages)) {
    copyPackage(modules.folder, folder, home);
  }
  checkAddons(home, inputs);
}

/** Packages with compiled code must find their libraries in the system folder. */
function checkAddons(home: string, inputs: Inputs): void {
  const addons = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.node'),
  );
  if (addons.length === 0) return;
  const files = addons.map((name) => path.join(home, name));
  addLibraries(files, [], inputs.architecture, home, systemLibraries(inputs));
}
