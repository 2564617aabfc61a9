// Finding and removing everything a mesh has left on the machine, and proving that nothing is.

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ipJson } from '../linux/ip.ts';
import { mountsBelow, unmountAll } from '../linux/mounts.ts';
import { NetworkNamespace } from '../linux/network-namespace.ts';
import type { Clock } from '../runtime/clock.ts';
import { AmbitError, causeChain } from '../runtime/errors.ts';
import { namespaceMounts, removeLocalNetwork } from './network/remove-network.ts';
import type { MeshPaths } from './state-folder.ts';

/** What is still there, by name. */
export interface Residue {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly processes: readonly number[];
  readonly mounts: readonly string[];
  readonly files: readonly string[];
}

const killDeadlineMs = 5_000;
const killPollMs = 20;

/** Looks for all that belongs to a mesh. Its processes are found by the environment that every container
 * gets, wherever they moved; its links live in its namespaces. */
export async function findResidue(
  mesh: string,
  paths: MeshPaths,
  isRoot: boolean,
): Promise<Residue> {
  // An ordinary user's namespaces and mounts live in a user namespace and end with its processes.
  const namespaces = isRoot ? namespaceMounts({ mesh, nodesFolder: paths.nodes }) : [];
  const links = await Promise.all(namespaces.map(linksIn));
  return {
    namespaces,
    links: links.flat(),
    processes: processesOf(paths),
    mounts: mountsBelow(paths.folder),
    files: existsSync(paths.folder) ? [paths.folder] : [],
  };
}

async function linksIn(file: string): Promise<string[]> {
  try {
    using namespace = NetworkNamespace.open(file);
    const links = (await ipJson(['link', 'show'], namespace)) as { ifname: string }[];
    return links.map(({ ifname }) => ifname).filter((name) => name !== 'lo');
  } catch {
    return []; // a file that is no namespace has no links
  }
}

/** The environment entry by which processes of a mesh are known. */
export function processMark(paths: MeshPaths): string {
  return `NODE_COMPILE_CACHE=${paths.compiled}`;
}

function processesOf(paths: MeshPaths): number[] {
  const mark = processMark(paths);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => environmentOf(pid).includes(mark))
    .map(Number);
}

function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // gone, or somebody else's
  }
}

/** Ends and removes what runs: processes, namespaces, mounts, node folders. Objects and logs stay.
 * @throws AmbitError AMB1105 naming what cannot be removed */
export async function removeRunning(
  mesh: string,
  paths: MeshPaths,
  clock: Clock,
  isRoot = true,
): Promise<void> {
  try {
    await endProcesses(paths, clock);
    if (isRoot) {
      await removeLocalNetwork({ mesh, nodesFolder: paths.nodes, clock });
      unmountAll(paths.folder);
    }
    rmSync(paths.nodes, { recursive: true, force: true });
  } catch (error) {
    throw new AmbitError('AMB1105', causeChain(error), { object: `mesh ${mesh}`, cause: error });
  }
}

async function endProcesses(paths: MeshPaths, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + killDeadlineMs;
  for (let pids = processesOf(paths); pids.length > 0; pids = processesOf(paths)) {
    for (const pid of pids) kill(pid);
    if (clock.monotonic() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`);
    await clock.wait(killPollMs);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended by itself
  }
}

/** Removes the state too. @throws AmbitError AMB1105 */
export function removeState(mesh: string, paths: MeshPaths): void {
  try {
    rmSync(paths.folder, { recursive: true, force: true });
  } catch (error) {
    throw new AmbitError('AMB1105', causeChain(error), { object: `mesh ${mesh}`, cause: error });
  }
  try {
    rmdirSync(path.dirname(paths.folder));
  } catch {
    // other meshes live there, or it was the user's own folder and not empty
  }
}
