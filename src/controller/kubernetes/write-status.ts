// Writes conditions back where they changed, and announces those with a code as Events.

import { createHash } from 'node:crypto';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { fieldManager } from '../desired.ts';
import { describeObject, type KubernetesObject } from '../kinds/object.ts';
import type { StatusWrite } from '../status.ts';
import type { Finding } from '../translate/finding.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import type { Term } from './leader-election.ts';

const parallelWrites = 8;
const maxAnnounced = 10_000;
/** What the API takes in the message of an Event. */
const maxEventMessage = 1024;

/** Writes statuses. */
export class StatusWriter {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Objects without a place for conditions, with the version that was announced. */
  readonly #announced = new Map<string, string>();

  constructor(client: ApiClient, clock: Clock, log: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /** Writes all of them, a few at a time and while the term is held. Answers whether every one is done; what
   * failed comes up again at the next translation. */
  async write(writes: readonly StatusWrite[], term: Term): Promise<boolean> {
    const waiting = [...writes];
    let done = true;
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        if (!term.isHeld()) return;
        if (!(await this.#writeOne(next, term))) done = false;
      }
    };
    await Promise.all(Array.from({ length: parallelWrites }, worker));
    return done;
  }

  async #writeOne(write: StatusWrite, term: Term): Promise<boolean> {
    const object = describeObject(write.object);
    try {
      await this.#client.patch(write.path, 'merge', write.body, { signal: term.signal });
    } catch (error) {
      if (!term.isHeld()) return true;
      // The object has changed or gone since: the newer version has its own translation.
      if (error instanceof ApiError && (error.status === 409 || error.status === 404)) return true;
      if (error instanceof ApiError && error.status === 422) {
        // Its definition, which may be another than ours, has no place for conditions.
        await this.#announceOnly(write, error, term);
        return true;
      }
      this.#log.warn({ code: 'AMB1622', object }, `status not written: ${causeChain(error)}`);
      return false;
    }
    await this.#announceAll(write, term);
    return true;
  }

  /** Events without a condition, once per generation of the object. */
  async #announceOnly(write: StatusWrite, error: ApiError, term: Term): Promise<void> {
    const { path, object } = write;
    if (!this.#isNews(path, object.metadata.generation)) return;
    this.#log.warn({ code: error.code, object: describeObject(object) }, error.message);
    await this.#announceAll(write, term);
  }

  /** Events on an object whose kind has no status, once for each version that they speak of. */
  async announce(
    object: KubernetesObject,
    findings: readonly Finding[],
    term: Term,
  ): Promise<boolean> {
    const events = findings.filter(({ code }) => code !== undefined);
    const messages = events.map(({ message }) => message).join();
    const version = `${object.metadata.resourceVersion ?? ''} ${messages}`;
    if (events.length > 0 && this.#isNews(describeObject(object), version)) {
      await this.#announceAll({ object, events }, term);
    }
    return true;
  }

  #isNews(name: string, version: number | string | undefined): boolean {
    const text = String(version ?? '');
    if (this.#announced.get(name) === text) return false;
    if (this.#announced.size >= maxAnnounced) this.#announced.clear();
    this.#announced.set(name, text);
    return true;
  }

  async #announceAll(write: Pick<StatusWrite, 'object' | 'events'>, term: Term): Promise<void> {
    for (const finding of write.events) {
      const { code, message, type } = finding;
      this.#log.warn({ code, object: describeObject(write.object), type }, message);
      await this.#announce(write.object, finding, term);
    }
  }

  async #announce(object: KubernetesObject, finding: Finding, term: Term): Promise<void> {
    if (!term.isHeld()) return;
    const namespace = object.metadata.namespace ?? 'default';
    try {
      const event = eventOf(object, finding, namespace, this.#clock.now());
      await this.#client.create(`/api/v1/namespaces/${namespace}/events`, event, {
        signal: term.signal,
      });
    } catch (error) {
      // The condition says the same, so the loss of an Event is no loss of the message.
      this.#log.debug({ code: 'AMB1622' }, `event not written: ${causeChain(error)}`);
    }
  }
}

function eventOf(
  object: KubernetesObject,
  finding: Finding,
  namespace: string,
  nowMs: number,
): object {
  const { name, uid, resourceVersion } = object.metadata;
  const time = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const unique = createHash('sha256')
    .update(`${uid ?? ''} ${finding.message} ${nowMs}`)
    .digest('hex')
    .slice(0, 16);
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${unique}`, namespace },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      name,
      namespace: object.metadata.namespace,
      uid,
      resourceVersion,
    },
    type: 'Warning',
    reason: finding.reason,
    message: finding.message.slice(0, maxEventMessage),
    source: { component: fieldManager },
    reportingComponent: fieldManager,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  };
}
