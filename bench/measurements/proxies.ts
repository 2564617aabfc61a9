// The proxies that a path goes through, and the CPU time that they use meanwhile.

import { cpuSeconds } from '../stage/processes.ts';
import type { PathPlace, Stage } from '../stage/stage.ts';

/** A proxy's process. */
export interface Proxy {
  readonly name: string;
  readonly pid: number;
}

/** In the order in which bytes meet them. */
export async function proxiesOf(stage: Stage, { plan }: PathPlace): Promise<readonly Proxy[]> {
  if (plan.path === 'direct') return [];
  const at = async (node: string): Promise<number> =>
    await stage.processOf('ambit/ztunnel', { node });
  const client = { name: 'client proxy', pid: await at(plan.clientNode) };
  const server = { name: 'server proxy', pid: await at(plan.serverNode) };
  if (plan.path !== 'waypoint') return [client, server];
  const pid = await stage.processOf('ambit/waypoint', { namespace: plan.namespace });
  return [client, { name: 'waypoint', pid }, server];
}

/** Starts counting; the answer gives the seconds that each has used since. */
export function countCpu(proxies: readonly Proxy[]): () => readonly number[] {
  const before = proxies.map(({ pid }) => cpuSeconds(pid));
  return () => proxies.map(({ pid }, index) => cpuSeconds(pid) - (before[index] ?? Number.NaN));
}
