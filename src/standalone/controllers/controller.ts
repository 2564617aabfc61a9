// The loop of every controller: watch, note which objects are concerned, and for each of them read, plan
// and act. Reading and writing happen in one go against the store of this process, so a plan is never made
// of stale objects.

import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ApiObject, KindName, ObjectStore } from '../api/store.ts';
import { EventRecorder } from '../kubelet/event-recorder.ts';
import { WorkQueue } from '../work-queue.ts';
import { carryOut, type Plan, subjectOf } from './actions.ts';

/** What a controller consists of. */
export interface ControllerDefinition {
  /** For log and events: `replicaset`. */
  readonly name: string;
  /** The kind whose objects are brought to their wanted state. */
  readonly kind: KindName;
  /** Which kinds are watched, and which keys (`namespace/name`) a changed object concerns. */
  readonly watches: readonly {
    readonly kind: KindName;
    readonly concerns: (object: ApiObject, store: ObjectStore) => readonly string[];
  }[];
  /** Decides for one key; an object that is gone needs nothing. */
  readonly plan: (namespace: string, name: string, store: ObjectStore, nowMs: number) => Plan;
}

export interface ControllerSurroundings {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running controller. */
export class Controller implements AsyncDisposable {
  readonly #definition: ControllerDefinition;
  readonly #surroundings: ControllerSurroundings;
  readonly #queue: WorkQueue;
  readonly #watches: readonly Disposable[];
  readonly #events: EventRecorder;

  constructor(definition: ControllerDefinition, surroundings: ControllerSurroundings) {
    this.#definition = definition;
    this.#surroundings = surroundings;
    const { store, clock, log } = surroundings;
    const source = { component: `${definition.name}-controller` };
    this.#events = new EventRecorder(store, source, clock, log);
    this.#queue = new WorkQueue({
      work: async (key) => this.#turn(key),
      onFailure: (key, error) => this.#logFailure(key, error),
      clock,
    });
    this.#watches = definition.watches.map(({ kind, concerns }) =>
      store.watch(kind, ({ object }) => {
        for (const key of concerns(object, store)) this.#queue.add(key);
      }),
    );
  }

  #turn(key: string): void {
    const { store, clock, log } = this.#surroundings;
    const [namespace = '', name = ''] = key.split('/');
    const plan = this.#definition.plan(namespace, name, store, clock.now());
    for (const action of plan.actions) {
      const fields = { controller: this.#definition.name, object: subjectOf(action) };
      log.debug({ ...fields, action: action.kind, reason: action.reason }, 'acting');
      const done = carryOut(action, store);
      const { event } = action;
      if (event === undefined) continue;
      this.#events.record(event.about, 'Normal', event.reason, event.message(done));
    }
    if (plan.againAfterMs !== undefined) this.#queue.addAfter(key, plan.againAfterMs);
  }

  #logFailure(key: string, cause: unknown): void {
    const { name } = this.#definition;
    const error = new AmbitError('AMB1158', causeChain(cause), { object: `${name} ${key}`, cause });
    this.#surroundings.log.warn(
      { code: error.code, controller: name, object: key, error: causeChain(cause) },
      'a controller could not act; trying again',
    );
    this.#tellOwner(key, error);
  }

  /** A template that the API server refuses shows nowhere else. */
  #tellOwner(key: string, error: AmbitError): void {
    const { kind } = this.#definition;
    const [namespace = '', name = ''] = key.split('/');
    const object = this.#surroundings.store.get(kind, namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
    this.#events.record(object, 'Warning', 'FailedUpdate', error.message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    await this.#queue[Symbol.asyncDispose]();
  }
}

/** `namespace/name` of an object. */
export function keyOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
