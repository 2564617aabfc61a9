// Kubernetes Events about pods and nodes: what `kubectl describe` shows. The same event again raises the
// count of the first.

import { randomBytes } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { ApiObject, ObjectStore } from '../api/store.ts';
import { timestamp } from './container-state.ts';

export type EventType = 'Normal' | 'Warning';

/** The events that are remembered for counting; older ones start anew. */
const maxRemembered = 1000;
const maxMessageLength = 1024;

interface Remembered {
  readonly name: string;
  readonly count: number;
}

/** Records events under one reporting component. */
export class EventRecorder {
  readonly #store: ObjectStore;
  readonly #source: { readonly component: string; readonly host?: string };
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #remembered = new Map<string, Remembered>();

  constructor(
    store: ObjectStore,
    source: { readonly component: string; readonly host?: string },
    clock: Clock,
    log: Logger,
  ) {
    this.#store = store;
    this.#source = source;
    this.#clock = clock;
    this.#log = log;
  }

  /** Records an event about an object. An event that cannot be written is logged, and lost. */
  record(about: ApiObject, type: EventType, reason: string, message: string): void {
    const text = message.slice(0, maxMessageLength);
    const key = [about.metadata.uid, reason, text].join('\n');
    const namespace = about.metadata.namespace ?? 'default';
    const now = timestamp(this.#clock.now());
    try {
      const known = this.#remembered.get(key);
      if (known !== undefined && this.#raise(known, namespace, now)) {
        this.#remember(key, { ...known, count: known.count + 1 });
        return;
      }
      const name = `${about.metadata.name}.${randomBytes(8).toString('hex')}`;
      this.#store.create(this.#event(about, { namespace, name, type, reason, text, now }));
      this.#remember(key, { name, count: 1 });
    } catch (error) {
      const object = `${about.kind} ${namespace}/${about.metadata.name}`;
      this.#log.warn({ object, reason, error: causeChain(error) }, 'an event was lost');
    }
  }

  #raise(known: Remembered, namespace: string, now: string): boolean {
    if (this.#store.get('events', namespace, known.name) === undefined) return false;
    const patch = { count: known.count + 1, lastTimestamp: now };
    this.#store.mergePatch('events', namespace, known.name, patch);
    return true;
  }

  #remember(key: string, value: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, value);
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size > maxRemembered && oldest !== undefined) {
      this.#remembered.delete(oldest);
    }
  }

  #event(
    about: ApiObject,
    event: {
      readonly namespace: string;
      readonly name: string;
      readonly type: EventType;
      readonly reason: string;
      readonly text: string;
      readonly now: string;
    },
  ): ApiObject {
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: event.name, namespace: event.namespace },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name: about.metadata.name,
        namespace: about.metadata.namespace,
        uid: about.metadata.uid,
        resourceVersion: about.metadata.resourceVersion,
      },
      type: event.type,
      reason: event.reason,
      message: event.text,
      source: this.#source,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
      firstTimestamp: event.now,
      lastTimestamp: event.now,
      count: 1,
    };
  }
}
