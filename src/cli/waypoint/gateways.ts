// Waypoints as Gateways: how one is written, and how it shows in tables. Pure.

import { AmbitError } from '../../runtime/errors.ts';
import type { ClusterObject } from '../cluster.ts';

export const waypointClass = 'istio-waypoint';
export const waypointForLabel = 'istio.io/waypoint-for';
export const revisionLabel = 'istio.io/rev';
export const useWaypointLabel = 'istio.io/use-waypoint';
export const dataplaneModeLabel = 'istio.io/dataplane-mode';

/** Whose traffic a waypoint takes. */
const trafficTypes: readonly string[] = ['service', 'workload', 'all', 'none'];

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly observedGeneration?: number;
}

/** A Gateway, as far as commands look at it. */
export interface Gateway {
  readonly metadata: ClusterObject['metadata'] & { readonly generation?: number };
  readonly spec?: { readonly gatewayClassName?: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** What a waypoint is to be. */
export interface WaypointWish {
  readonly name: string;
  /** Left to whoever applies it where absent. */
  readonly namespace?: string;
  readonly for?: string;
  readonly revision?: string;
}

/** The Gateway of a waypoint. @throws AmbitError AMB1801 when `for` means nothing */
export function waypointGateway({ name, namespace, for: type, revision }: WaypointWish): object {
  if (type !== undefined && !trafficTypes.includes(type)) {
    throw new AmbitError('AMB1801', `--for ${type} is none of ${trafficTypes.join(', ')}`);
  }
  const labels = {
    ...(revision !== undefined && { [revisionLabel]: revision }),
    ...(type !== undefined && { [waypointForLabel]: type }),
  };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: {
      ...(Object.keys(labels).length > 0 && { labels }),
      name,
      ...(namespace !== undefined && { namespace }),
    },
    spec: {
      gatewayClassName: waypointClass,
      listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
    },
  };
}

/** Those of the Gateways that are waypoints, by namespace and name. */
export function waypointsAmong(gateways: readonly Gateway[]): readonly Gateway[] {
  const key = ({ metadata }: Gateway): string => `${metadata.namespace}/${metadata.name}`;
  return gateways
    .filter(({ spec }) => spec?.gatewayClassName === waypointClass)
    .toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

/** `ambit waypoint list`. */
export function listRows(
  waypoints: readonly Gateway[],
  withNamespace: boolean,
): readonly (readonly string[])[] {
  const rows = waypoints.map((gateway) => [
    gateway.metadata.name,
    gateway.metadata.labels?.[revisionLabel] ?? 'default',
    gateway.metadata.labels?.[waypointForLabel] ?? 'service',
    programmed(gateway)?.status ?? 'Unknown',
  ]);
  const head = ['NAME', 'REVISION', 'TRAFFIC TYPE', 'PROGRAMMED'];
  return prefixed([head, ...rows], waypoints, withNamespace);
}

/** `ambit waypoint status`. */
export function statusRows(
  waypoints: readonly Gateway[],
  withNamespace: boolean,
): readonly (readonly string[])[] {
  const rows = waypoints.map((gateway) => {
    const {
      status = 'Unknown',
      type = 'Programmed',
      reason = '',
      message = '',
    } = programmed(gateway) ?? {};
    return [gateway.metadata.name, status, type, reason, message];
  });
  const head = ['NAME', 'STATUS', 'TYPE', 'REASON', 'MESSAGE'];
  return prefixed([head, ...rows], waypoints, withNamespace);
}

function prefixed(
  rows: readonly (readonly string[])[],
  waypoints: readonly Gateway[],
  withNamespace: boolean,
): readonly (readonly string[])[] {
  if (!withNamespace) return rows;
  const first = ['NAMESPACE', ...waypoints.map(({ metadata }) => metadata.namespace ?? '')];
  return rows.map((row, index) => [first[index] ?? '', ...row]);
}

export function programmed({ status }: Gateway): Condition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Programmed');
}

/** Whether the waypoint serves what was applied last. */
export function isProgrammed(gateway: Gateway): boolean {
  const { generation = 0 } = gateway.metadata;
  const { status, observedGeneration = generation } = programmed(gateway) ?? {};
  return status === 'True' && observedGeneration >= generation;
}
