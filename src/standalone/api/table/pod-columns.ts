// How pods are shown: what is the matter with a pod, in one word, as kubectl's users know it.

import { isRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { Column } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { age, duration } from './ages.ts';

/** Columns of pods. */
export const podColumns: readonly Column[] = [
  { name: 'Ready', type: 'string', cell: readyOf },
  { name: 'Status', type: 'string', cell: podReason },
  { name: 'Restarts', type: 'string', cell: restartsOf },
  { name: 'Age', type: 'string', cell: (pod, now) => age(pod.metadata.creationTimestamp, now) },
  wide('IP', (pod) => textAt(pod.status, 'podIP') ?? '<none>'),
  wide('Node', (pod) => textAt(pod.spec, 'nodeName') ?? '<none>'),
  wide('Nominated Node', (pod) => textAt(pod.status, 'nominatedNodeName') ?? '<none>'),
  wide('Readiness Gates', gatesOf),
];

function wide(name: string, cell: (pod: ApiObject) => unknown): Column {
  return { name, type: 'string', priority: 1, cell };
}

function readyOf(pod: ApiObject): string {
  const ready = listAt(pod.status, 'containerStatuses').filter(
    (status) => isRecord(status) && status['ready'] === true,
  );
  return `${ready.length}/${listAt(pod.spec, 'containers').length}`;
}

function restartsOf(pod: ApiObject, now: number): string {
  let restarts = 0;
  let last = Number.NEGATIVE_INFINITY;
  for (const status of listAt(pod.status, 'containerStatuses')) {
    restarts += numberAt(status, 'restartCount') ?? 0;
    const finished = Date.parse(textAt(status, 'lastState', 'terminated', 'finishedAt') ?? '');
    if (!Number.isNaN(finished)) last = Math.max(last, finished);
  }
  return restarts === 0 || last < 0
    ? String(restarts)
    : `${restarts} (${duration(now - last)} ago)`;
}

/** One word on the pod: its phase, unless a container or the deletion says more. */
export function podReason(pod: ApiObject): string {
  const plain = textAt(pod.status, 'reason') ?? textAt(pod.status, 'phase') ?? 'Unknown';
  const initial = initReason(pod);
  const reason = initial ?? containersReason(pod) ?? plain;
  if (pod.metadata.deletionTimestamp === undefined) return reason;
  return textAt(pod.status, 'reason') === 'NodeLost' ? 'Unknown' : 'Terminating';
}

/** What an init container that is not done says. */
function initReason(pod: ApiObject): string | undefined {
  const total = listAt(pod.spec, 'initContainers').length;
  for (const [index, status] of listAt(pod.status, 'initContainerStatuses').entries()) {
    const ended = recordAt(status, 'state', 'terminated');
    if (ended !== undefined && numberAt(ended, 'exitCode') === 0) continue;
    if (isRecord(status) && status['started'] === true && status['ready'] === true) continue;
    if (ended !== undefined) return `Init:${endReason(ended)}`;
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    if (waiting !== undefined && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

/** What the containers say; the first one in the list has the last word. */
function containersReason(pod: ApiObject): string | undefined {
  let reason: string | undefined;
  let running = false;
  for (const status of listAt(pod.status, 'containerStatuses').toReversed()) {
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const ended = recordAt(status, 'state', 'terminated');
    if (waiting !== undefined && waiting !== '') reason = waiting;
    else if (ended !== undefined) reason = endReason(ended);
    else if (isRecord(status) && status['ready'] === true) running = true;
  }
  if (reason === 'Completed' && running) return isReady(pod) ? 'Running' : 'NotReady';
  return reason;
}

function endReason(ended: unknown): string {
  const reason = textAt(ended, 'reason');
  if (reason !== undefined && reason !== '') return reason;
  const signal = numberAt(ended, 'signal') ?? 0;
  return signal === 0 ? `ExitCode:${numberAt(ended, 'exitCode') ?? 0}` : `Signal:${signal}`;
}

function isReady(pod: ApiObject): boolean {
  return listAt(pod.status, 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}

function gatesOf(pod: ApiObject): string {
  const gates = listAt(pod.spec, 'readinessGates');
  if (gates.length === 0) return '<none>';
  const fulfilled = gates.filter((gate) =>
    listAt(pod.status, 'conditions').some(
      (condition) =>
        textAt(condition, 'type') === textAt(gate, 'conditionType') &&
        textAt(condition, 'status') === 'True',
    ),
  );
  return `${fulfilled.length}/${gates.length}`;
}
