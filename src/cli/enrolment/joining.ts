// Which pods of a namespace have joined the mesh, as the node agents note it on them. Pure.

import { tableOf } from '../table.ts';
import type { EnrolmentFacts, PodObject } from './facts.ts';
import { membershipAfter } from './membership.ts';

const redirectionAnnotation = 'ambient.istio.io/redirection';

/** Whether the node agent has noted that the pod is in the mesh. */
export function hasJoined({ metadata }: PodObject): boolean {
  return metadata.annotations?.[redirectionAnnotation] === 'enabled';
}

export interface Joining {
  readonly pod: string;
  readonly node: string;
  /** `joined`, `pending` (tried, and to be tried again), `waiting` or `outside`. */
  readonly state: 'joined' | 'pending' | 'waiting' | 'outside';
}

/** The state of each pod of the namespace, by name. */
export function joiningOf(facts: EnrolmentFacts): readonly Joining[] {
  return facts.pods
    .filter(({ metadata }) => metadata.namespace === facts.namespace)
    .map((pod) => ({
      pod: pod.metadata.name,
      node: pod.spec?.nodeName ?? '',
      state: stateOf(pod, facts),
    }))
    .toSorted((one, other) => (one.pod < other.pod ? -1 : 1));
}

function stateOf(pod: PodObject, facts: EnrolmentFacts): Joining['state'] {
  if (hasJoined(pod)) return 'joined';
  if (pod.metadata.annotations?.[redirectionAnnotation] === 'pending') return 'pending';
  return membershipAfter(pod, facts).kind === 'member' ? 'waiting' : 'outside';
}

/** Those that are on their way. A pod without a node joins when it starts, before its processes. */
export function stillComing(pods: readonly Joining[]): readonly Joining[] {
  return pods.filter(
    ({ state, node }) => node !== '' && (state === 'pending' || state === 'waiting'),
  );
}

/** The table of ambit enroll. */
export function joiningTable(pods: readonly Joining[]): readonly string[] {
  const rows = pods.map(({ pod, node, state }) => [pod, node, state]);
  return tableOf([['POD', 'NODE', 'MESH'], ...rows]);
}
