// What ambit waypoint does in a cluster.

import { AmbitError } from '../../runtime/errors.ts';
import { awaitCondition } from '../await-condition.ts';
import type { Cluster, ClusterObject } from '../cluster.ts';
import type { CommandContext } from '../command.ts';
import {
  dataplaneModeLabel,
  type Gateway,
  isProgrammed,
  programmed,
  useWaypointLabel,
  type WaypointWish,
  waypointGateway,
  waypointsAmong,
} from './gateways.ts';

const fieldManager = 'ambit-cli';
const gateways = '/apis/gateway.networking.k8s.io/v1';

/** A place in the cluster, and how long to wait there. */
export interface WaypointPlace {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly timeoutMs: number;
  readonly context: CommandContext;
}

/** The waypoints of a namespace, or of all. @throws AmbitError AMB1857 where the Gateway API is not installed */
export async function findWaypoints(
  cluster: Cluster,
  namespace: string | undefined,
): Promise<readonly Gateway[]> {
  const below = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const found = (await cluster.find(`${gateways}${below}/gateways`)) as
    | { readonly items?: readonly Gateway[] }
    | undefined;
  if (found === undefined) {
    throw new AmbitError('AMB1857', 'the API server has no gateways.gateway.networking.k8s.io/v1');
  }
  return waypointsAmong(found.items ?? []);
}

/** How `apply` was meant. */
export interface ApplyChoice {
  readonly wish: WaypointWish;
  readonly enrollNamespace: boolean;
  readonly overwrite: boolean;
  readonly wait: boolean;
}

/** Applies a waypoint, and answers whether all that was asked is done. */
export async function applyWaypoint(place: WaypointPlace, choice: ApplyChoice): Promise<boolean> {
  const { cluster, namespace, context } = place;
  const { name } = choice.wish;
  await findWaypoints(cluster, namespace);
  const object = waypointGateway({ ...choice.wish, namespace });
  const space = (await cluster.find(`/api/v1/namespaces/${namespace}`)) as
    | ClusterObject
    | undefined;
  if (space === undefined) {
    throw new AmbitError('AMB1860', 'there is no such namespace', {
      object: `Namespace ${namespace}`,
    });
  }
  const where = `${gateways}/namespaces/${namespace}/gateways/${name}`;
  await cluster.apply(where, object, { fieldManager, force: true });
  context.stdout(`✅ waypoint ${namespace}/${name} applied\n`);
  if (space.metadata.labels?.[dataplaneModeLabel] !== 'ambient') {
    context.stderr(
      `Warning: namespace ${namespace} is not in the mesh: kubectl label namespace ${namespace} ${dataplaneModeLabel}=ambient\n`,
    );
  }
  if (choice.wait) {
    await awaitProgrammed(place, [name]);
    context.stdout(`✅ waypoint ${namespace}/${name} is ready!\n`);
  }
  return !choice.enrollNamespace || (await enrolNamespace(place, space, choice));
}

async function enrolNamespace(
  { cluster, namespace, context }: WaypointPlace,
  space: ClusterObject,
  { wish: { name }, overwrite }: ApplyChoice,
): Promise<boolean> {
  const used = space.metadata.labels?.[useWaypointLabel];
  if (used !== undefined && used !== name && !overwrite) {
    context.stderr(
      `Warning: namespace ${namespace} keeps its waypoint ${used}; --overwrite replaces it (AMB1858)\n`,
    );
    return false;
  }
  const patch = { metadata: { labels: { [useWaypointLabel]: name } } };
  await cluster.patch(`/api/v1/namespaces/${namespace}`, patch);
  context.stdout(`✅ namespace ${namespace} labeled with "${useWaypointLabel}: ${name}"\n`);
  return true;
}

/** Waits until the waypoints are programmed. @throws AmbitError AMB1859 with what their status says */
export async function awaitProgrammed(
  { cluster, namespace, timeoutMs, context }: WaypointPlace,
  names: readonly string[],
): Promise<void> {
  const seen = await awaitCondition(
    `waypoint ${namespace}/${names.join(', ')}`,
    async () => {
      const found = await findWaypoints(cluster, namespace);
      const behind = found.filter((one) => names.includes(one.metadata.name) && !isProgrammed(one));
      if (behind.length === 0) return { kind: 'done', value: undefined };
      return { kind: 'waiting', for: behind.map(whyNot).join('; ') };
    },
    timeoutMs,
    context,
  );
  if (seen.kind === 'waiting') {
    throw new AmbitError('AMB1859', `not programmed after ${timeoutMs / 1000} s: ${seen.for}`);
  }
}

function whyNot(gateway: Gateway): string {
  const { namespace, name } = gateway.metadata;
  const { reason, message } = programmed(gateway) ?? {};
  const why = [reason, message].filter(Boolean).join(': ');
  return `waypoint ${namespace}/${name}${why === '' ? ' (no controller has answered)' : ` (${why})`}`;
}

/** Deletes the named waypoints; answers whether all were there. */
export async function deleteWaypoints(
  { cluster, namespace, context }: WaypointPlace,
  names: readonly string[],
): Promise<boolean> {
  const known = new Set((await findWaypoints(cluster, namespace)).map((one) => one.metadata.name));
  let complete = true;
  for (const name of names) {
    // A Gateway of that name that is no waypoint is left alone.
    const where = `${gateways}/namespaces/${namespace}/gateways/${name}`;
    const isGone = known.has(name) && (await cluster.remove(where));
    context.stdout(`waypoint ${namespace}/${name} ${isGone ? 'deleted' : 'not found'}\n`);
    complete &&= isGone;
  }
  return complete;
}
