// Where addresses are asked for by name: what a connection needs to be known before it is planned.

import type { Endpoint } from '../../mesh/address.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { PodContext, ProxyParts } from './proxy-parts.ts';

/** How long a connection waits for what its destination is. */
const patienceMs = 5_000;

/** Resolves when all of it is known, or known not to be in the mesh; answers false when the controller did
 * not say in time, and it is not known whether the destination is in the mesh. */
export async function needDestination(
  { demand, state, network }: ProxyParts,
  { end }: PodContext,
  source: Workload,
  { address }: Endpoint,
): Promise<boolean> {
  if (demand === undefined) return true;
  const limit = { timeoutMs: patienceMs, signal: end };
  if (!(await demand.need(`${network}/${address}`, limit))) return false;
  const service = state.serviceByAddress(network, address, source.namespace);
  const workload = state.workloadByAddress(network, address);
  const { weightedWaypoints = [], waypoint = workload?.waypoint } = service ?? {};
  const gateways = [
    ...weightedWaypoints.map((one) => one.waypoint),
    ...(waypoint ? [waypoint] : []),
  ];
  const names = gateways.map(({ destination }) =>
    destination.kind === 'hostname'
      ? `${destination.namespace}/${destination.hostname}`
      : `${destination.network}/${destination.address}`,
  );
  const answered = await Promise.all(names.map((name) => demand.need(name, limit)));
  return answered.every(Boolean);
}
