// Taking away everything in the kernel that belongs to a mesh, found by name and by mount, so that it
// also works for what a crashed run left behind.

import path from 'node:path';
import { NetworkNamespace, removeNamespaceMount } from '../../linux/network-namespace.ts';
import { processesIn } from '../../linux/processes.ts';
import type { Clock } from '../../runtime/clock.ts';
import { namesIn, namespacesFolder, namespacesOf } from './namespace-names.ts';

export interface RemoveOptions {
  readonly mesh: string;
  /** The mesh's `nodes` folder: NODE/run/netns/ below it holds the mounts of pod namespaces. */
  readonly nodesFolder?: string;
  readonly namespaceFolder?: string;
  readonly clock: Clock;
}

/** What was found and removed. */
export interface Removed {
  readonly namespaces: readonly string[];
  readonly processes: readonly number[];
}

const killDeadlineMs = 5_000;
const killPollMs = 20;

/** The mounts of all namespaces of a mesh: its own and those of its pods. */
export function namespaceMounts(options: Omit<RemoveOptions, 'clock'>): string[] {
  const { mesh, nodesFolder, namespaceFolder = namespacesFolder } = options;
  const pods =
    nodesFolder === undefined
      ? []
      : namesIn(nodesFolder).flatMap((node) => {
          const folder = path.join(nodesFolder, node, 'run/netns');
          return namesIn(folder).map((name) => path.join(folder, name));
        });
  return [...pods, ...namespacesOf(mesh, namespaceFolder)];
}

/** Ends all processes that live in namespaces of the mesh (SIGKILL) and removes the namespaces; links,
 * addresses, routes and rules go with them. Nothing there is fine.
 * @throws LinuxError when a mount cannot be removed; Error when a process survives */
export async function removeLocalNetwork(options: RemoveOptions): Promise<Removed> {
  const mounts = namespaceMounts(options);
  const ids = new Set(mounts.flatMap(idOf));
  const own = NetworkNamespace.current();
  // A mount that failed half-way leaves a plain file, and no file of ours leads to our own namespace.
  ids.delete(own.id);
  own[Symbol.dispose]();
  const processes = await endProcesses([...ids], options.clock);
  for (const mount of mounts) removeNamespaceMount(mount);
  return { namespaces: mounts, processes };
}

function idOf(file: string): string[] {
  try {
    using namespace = NetworkNamespace.open(file);
    return [namespace.id];
  } catch {
    return []; // gone meanwhile; the mount is removed all the same
  }
}

async function endProcesses(namespaceIds: readonly string[], clock: Clock): Promise<number[]> {
  const living = (): number[] => namespaceIds.flatMap(processesIn);
  const ended = new Set<number>();
  const deadline = clock.monotonic() + killDeadlineMs;
  for (let pids = living(); pids.length > 0; pids = living()) {
    for (const pid of pids) {
      ended.add(pid);
      kill(pid);
    }
    if (clock.monotonic() > deadline) throw new Error(`processes ${pids.join(', ')} do not end`);
    await clock.wait(killPollMs);
  }
  return [...ended];
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It may have ended by itself.
    if (!(error instanceof Error) || Reflect.get(error, 'code') !== 'ESRCH') throw error;
  }
}
