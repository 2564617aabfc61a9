// Binds pods without a node to one.

import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ObjectStore } from '../api/store.ts';
import { chooseNode, type NodeView } from './choose-node.ts';
import { timestamp } from './container-state.ts';
import { EventRecorder } from './event-recorder.ts';
import { asPod, type Pod, podName } from './pod-types.ts';

/** Watches pods and nodes. Disposing it ends that. */
export class Scheduler implements Disposable {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #events: EventRecorder;
  readonly #watches = new DisposableStack();

  constructor(store: ObjectStore, clock: Clock, log: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#events = new EventRecorder(store, { component: 'default-scheduler' }, clock, log);
    this.#watches.use(
      store.watch('pods', ({ type, object }) => {
        if (type !== 'DELETED') this.#consider(asPod(object));
      }),
    );
    this.#watches.use(store.watch('nodes', () => this.#considerAll()));
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
  }

  #considerAll(): void {
    for (const object of this.#store.list('pods')) this.#consider(asPod(object));
  }

  #consider(seen: Pod): void {
    if (seen.spec.nodeName !== undefined) return;
    const { namespace, name, uid } = seen.metadata;
    const current = this.#store.get('pods', namespace, name);
    if (current === undefined || current.metadata.uid !== uid) return;
    const pod = asPod(current);
    if (pod.spec.nodeName !== undefined) return;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#store.delete('pods', namespace, name, { gracePeriodSeconds: 0, uid });
      return;
    }
    try {
      this.#place(pod);
    } catch (error) {
      const object = `Pod ${podName(pod)}`;
      this.#log.warn({ object, error: causeChain(error) }, 'a pod was not scheduled');
    }
  }

  #place(pod: Pod): void {
    const bound = this.#store.list('pods').map(asPod);
    const choice = chooseNode(pod, this.#nodes(), bound);
    const { namespace, name } = pod.metadata;
    if (choice.kind === 'none') {
      this.#refuse(pod, choice.problem);
      return;
    }
    this.#store.mergePatch('pods', namespace, name, { spec: { nodeName: choice.node } });
    const message = `Successfully assigned ${podName(pod)} to ${choice.node}`;
    this.#events.record(pod, 'Normal', 'Scheduled', message);
  }

  /** Says once per reason why no node fits. */
  #refuse(pod: Pod, problem: string): void {
    const error = new AmbitError('AMB1116', problem, { object: `Pod ${podName(pod)}` });
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.message === error.message) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False' as const,
      reason: 'Unschedulable',
      message: error.message,
      lastTransitionTime: timestamp(this.#clock.now()),
    };
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
    this.#store.updateStatus({
      ...pod,
      status: { ...pod.status, phase: 'Pending', conditions: [...others, condition] },
    });
    this.#events.record(pod, 'Warning', 'FailedScheduling', `${error.message}. ${error.remedy}`);
  }

  #nodes(): NodeView[] {
    return this.#store.list('nodes').map(({ metadata, spec }) => ({
      name: metadata.name,
      labels: metadata.labels ?? {},
      unschedulable: (spec as { unschedulable?: boolean } | undefined)?.unschedulable === true,
    }));
  }
}
