// Finding processes by the namespace they live in.

import { readdirSync, statSync } from 'node:fs';

/** The pids of all processes whose network namespace has this id (see NetworkNamespace.id). Processes
 * that this user may not look into are left out. */
export function processesIn(namespaceId: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => namespaceOf(pid) === namespaceId)
    .map(Number);
}

function namespaceOf(pid: string): string | undefined {
  try {
    const { dev, ino } = statSync(`/proc/${pid}/ns/net`);
    return `${dev}:${ino}`;
  } catch {
    return undefined; // gone meanwhile, or not ours to see
  }
}
