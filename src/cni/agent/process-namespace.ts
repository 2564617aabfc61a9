// Finds the network namespace of a pod by the processes that run in it, for runtimes whose mounts the
// agent does not see. As Istio's agent does (protocol section 2.5): the cgroup of a process names its
// pod, and the oldest process wins, which is the one that the runtime keeps the sandbox alive with.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { podOfCgroups } from './cgroup-pod.ts';
import type { FoundNamespace } from './found-namespace.ts';

/** The namespace of the oldest process of a pod that `accepts` takes; undefined if there is none.
 * The caller owns it.
 * @param folder the node's /proc, with the processes of all pods */
export function namespaceByProcess(
  uid: string,
  folder: string,
  accepts: (namespace: NetworkNamespace) => boolean,
): FoundNamespace | undefined {
  const processes = processesOf(uid, folder).toSorted((a, b) => a.startTicks - b.startTicks);
  for (const { pid } of processes) {
    const file = path.join(folder, pid, 'ns', 'net');
    const namespace = openOf(file);
    if (namespace === undefined) continue;
    if (accepts(namespace)) return { namespace, file };
    namespace[Symbol.dispose]();
  }
  return undefined;
}

interface PodProcess {
  readonly pid: string;
  /** Since boot, in clock ticks. */
  readonly startTicks: number;
}

function processesOf(uid: string, folder: string): PodProcess[] {
  return entriesOf(folder).flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    if (podOfCgroups(textOf(path.join(folder, pid, 'cgroup'))) !== uid) return [];
    // proc_pid_stat(5): the name, in parentheses, may hold anything; starttime is field 22.
    const stat = textOf(path.join(folder, pid, 'stat'));
    const startTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
    return Number.isFinite(startTicks) ? [{ pid, startTicks }] : [];
  });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not mounted
  }
}

/** Empty for a process that has gone. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function openOf(file: string): NetworkNamespace | undefined {
  try {
    return NetworkNamespace.open(file);
  } catch {
    return undefined;
  }
}
