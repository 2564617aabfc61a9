// The pods of each namespace that are in the mesh, and those that should be. Pure.

import type { ClusterFacts, StatusObject } from './objects.ts';
import { keyOf, labelOf } from './objects.ts';
import { isLeaving } from './pod-trouble.ts';
import { rowOf, type StatusRow } from './row.ts';

const modeLabel = 'istio.io/dataplane-mode';
const redirection = 'ambient.istio.io/redirection';
const sidecar = 'sidecar.istio.io/status';
const useWaypoint = 'istio.io/use-waypoint';

/** One namespace with pods of the mesh. */
export interface NamespaceMembers {
  readonly namespace: string;
  /** Running pods whose traffic is redirected. */
  readonly enrolled: number;
  /** Running pods that labels bring into the mesh. */
  readonly wanted: number;
  readonly waypoint: string;
  readonly missing: readonly StatusObject[];
}

/** The namespaces that have, or should have, pods in the mesh, by name. */
export function membersOf(facts: ClusterFacts): readonly NamespaceMembers[] {
  const byNamespace = Map.groupBy(facts.pods, ({ metadata }) => metadata.namespace ?? '');
  return facts.namespaces
    .flatMap((namespace): readonly NamespaceMembers[] => {
      const { name } = namespace.metadata;
      if (name === facts.namespace || name === 'kube-system') return [];
      const running = (byNamespace.get(name) ?? []).filter(
        (pod) => pod.status?.['phase'] === 'Running' && !isLeaving(pod),
      );
      const wanted = running.filter((pod) => isWanted(pod, namespace));
      const enrolled = running.filter(isEnrolled);
      const isLabelled = labelOf(namespace, modeLabel) === 'ambient';
      if (!isLabelled && wanted.length + enrolled.length === 0) return [];
      return [
        {
          namespace: name,
          enrolled: enrolled.length,
          wanted: wanted.length,
          waypoint: labelOf(namespace, useWaypoint) ?? 'None',
          missing: wanted.filter((pod) => !isEnrolled(pod)),
        },
      ];
    })
    .toSorted((one, other) => (one.namespace < other.namespace ? -1 : 1));
}

/** A row of the report for each namespace. */
export function memberRow({
  namespace,
  enrolled,
  wanted,
  missing,
  waypoint,
}: NamespaceMembers): StatusRow {
  const troubles = missing.map((pod) => {
    const node = pod.spec?.['nodeName'];
    return {
      why: `pod ${keyOf(pod)} on ${String(node)} should be in the mesh, and is not redirected`,
      remedy: `ambit enroll --check ${namespace}, or the log of the node agent on ${String(node)}`,
    };
  });
  const note = waypoint === 'None' ? 'pods in the mesh' : `pods in the mesh, waypoint ${waypoint}`;
  return rowOf(
    `namespace ${namespace}`,
    `${enrolled}/${Math.max(enrolled, wanted)}`,
    note,
    troubles,
  );
}

/** As the node agent decides (protocol section 1.10). */
function isWanted(pod: StatusObject, namespace: StatusObject): boolean {
  if (pod.spec?.['hostNetwork'] === true) return false;
  if (pod.metadata.annotations?.[sidecar] !== undefined) return false;
  const own = labelOf(pod, modeLabel);
  return own === undefined ? labelOf(namespace, modeLabel) === 'ambient' : own === 'ambient';
}

function isEnrolled({ metadata }: StatusObject): boolean {
  return metadata.annotations?.[redirection] === 'enabled';
}
