// Where a mesh keeps what outlives its processes.

import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { AmbitError } from '../runtime/errors.ts';
import { checkNames } from './network/namespace-names.ts';

export interface MeshPaths {
  /** All of it; `ambit down` removes this. */
  readonly folder: string;
  /** The folder that holds the meshes. */
  readonly parent: string;
  readonly database: string;
  readonly kubeconfig: string;
  readonly pki: string;
  /** Who supervises the mesh. */
  readonly record: string;
  readonly logs: string;
  readonly supervisorLog: string;
  readonly nodes: string;
  /** Programs by image name, as earlier starts were told. */
  readonly images: string;
  /** CNI plugins. */
  readonly programs: string;
  /** What Node made of the mesh's own sources, so that its processes start fast. */
  readonly compiled: string;
}

/** The paths of a mesh below the folder of meshes. Names such as `..` would lead `ambit down` to folders that
 * are not a mesh's. @throws AmbitError AMB1150 */
export function meshPaths(parent: string, mesh: string): MeshPaths {
  checkNames(mesh, []);
  const folder = path.join(parent, mesh);
  return {
    folder,
    parent,
    database: path.join(folder, 'state.db'),
    kubeconfig: path.join(folder, 'kubeconfig'),
    pki: path.join(folder, 'pki'),
    record: path.join(folder, 'supervisor.json'),
    logs: path.join(folder, 'logs'),
    supervisorLog: path.join(folder, 'logs', 'supervisor.log'),
    nodes: path.join(folder, 'nodes'),
    images: path.join(folder, 'images.json'),
    programs: path.join(folder, 'programs'),
    compiled: path.join(folder, 'compiled'),
  };
}

/** The folder of meshes of a user. */
export function stateParent(
  env: Readonly<Record<string, string | undefined>>,
  isRoot: boolean,
  cwd: string,
): string {
  const given = env['AMBIT_STATE_DIR'];
  if (given !== undefined && given !== '') return path.resolve(cwd, given);
  if (isRoot) return '/var/lib/ambit';
  const home = env['HOME'] ?? '/';
  const state = env['XDG_STATE_HOME'];
  const base = state === undefined || state === '' ? path.join(home, '.local/state') : state;
  return path.join(base, 'ambit');
}

/** Makes the state folder. @throws AmbitError AMB1119 */
export function makeStateFolder(paths: MeshPaths): void {
  // Every pod has a /run of its own, which would hide its volumes and files.
  if (paths.folder.startsWith('/run/') || paths.folder.startsWith('/var/run/')) {
    const problem = 'the state folder cannot be below /run; set AMBIT_STATE_DIR to another place';
    throw new AmbitError('AMB1104', problem, { object: paths.folder });
  }
  try {
    makeFolders(paths.logs);
  } catch (error) {
    const object = paths.folder;
    throw new AmbitError('AMB1119', 'it cannot be made', { object, cause: error });
  }
}

/** One folder after the other: Node's own recursive form never returns where the kernel says ENOENT to
 * a folder whose parent exists, as procfs does. */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  makeFolders(path.dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!statSync(folder).isDirectory()) throw error; // else another command was quicker
  }
}
