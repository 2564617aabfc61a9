// Why a pod is not ready, from its own status. Pure.

import { fieldsOf, listOf, textOf } from '../ztunnel/dump.ts';
import { conditionsOf, holds, keyOf, type StatusObject } from './objects.ts';
import type { Trouble } from './row.ts';

/** Whether a pod serves. */
export function isReadyPod(pod: StatusObject): boolean {
  return holds(pod, 'Ready') && !isLeaving(pod);
}

/** Whether a pod has been deleted and ends. */
export function isLeaving({ metadata }: StatusObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** What keeps a pod from being ready, and how to learn more. */
export function podTrouble(pod: StatusObject): Trouble {
  const { name, namespace } = pod.metadata;
  const where = pod.spec?.['nodeName'];
  const on = typeof where === 'string' ? ` on ${where}` : '';
  const { why, asksLog } = reasonOf(pod);
  const command = asksLog ? 'logs' : 'describe pod';
  return {
    why: `pod ${keyOf(pod)}${on}: ${why}`,
    remedy: `kubectl ${command} -n ${namespace} ${name}`,
  };
}

/** `asksLog` when the program ran, and its log tells most. */
function reasonOf(pod: StatusObject): { readonly why: string; readonly asksLog: boolean } {
  const status = pod.status ?? {};
  const containers = ['initContainerStatuses', 'containerStatuses'].flatMap((list) =>
    listOf(status, list),
  );
  for (const container of containers) {
    const waiting = fieldsOf(fieldsOf(container['state'])['waiting']);
    const last = fieldsOf(fieldsOf(container['lastState'])['terminated']);
    const reason = textOf(waiting, 'reason');
    if (reason !== '' && reason !== 'PodInitializing' && reason !== 'ContainerCreating') {
      const message = textOf(waiting, 'message');
      const why = `container ${textOf(container, 'name')} waits: ${reason}${message && `, ${message}`}`;
      return { why, asksLog: Object.keys(last).length > 0 };
    }
  }
  const failed = conditionsOf(pod).find(
    ({ type, status: value, message }) =>
      type === 'PodScheduled' && value === 'False' && message !== undefined,
  );
  if (failed !== undefined) return { why: `not scheduled: ${failed.message}`, asksLog: false };
  const phase = textOf(status, 'phase') || 'Pending';
  if (phase === 'Running') return { why: 'it runs and is not ready', asksLog: true };
  const reason = textOf(status, 'message') || textOf(status, 'reason');
  return { why: `it is ${phase}${reason && `: ${reason}`}`, asksLog: phase === 'Failed' };
}
