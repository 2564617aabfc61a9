// What proxies refuse at each replica, told to the one that writes conditions: a ConfigMap of each replica,
// which exists only while it knows of a refusal, and counts only while its pod exists.

import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { causeChain } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { Debouncer } from './debouncer.ts';
import type { UnwantedObject } from './desired.ts';
import type { ConfigMap } from './kinds/core.ts';
import { configLabel, objectPath } from './kinds/kinds.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import type { ObjectSource } from './objects.ts';
import type { Refusal } from './publish/xds-server.ts';

/** The label on the ConfigMaps; its value is the name of the replica's pod. */
export const refusalsLabel = 'ambit.io/refusals-of';
const key = 'refusals';
/** More are not told; each is in the log of its replica. */
const maxShared = 200;
/** Shorter than a process has to end. */
const timeoutMs = 3_000;
const gathering = { quietMs: 100, maxMs: 1_000 } as const;
const retry = { firstMs: 500, maxMs: 30_000, jitter: 0.2 } as const;

/** What other replicas know, of those whose pods exist. */
export function refusalsOfOthers(
  objects: ObjectSource,
  namespace: string,
  podName: string,
): Refusal[] {
  return sharedBy(objects, namespace).flatMap(({ pod, configMap }) => {
    const isOther = pod !== podName && objects.get('Pod', namespace, pod) !== undefined;
    return isOther ? refusalsIn(configMap) : [];
  });
}

/** The ConfigMaps of replicas that are gone. */
export function abandonedRefusals(
  objects: ObjectSource,
  namespace: string,
  podName: string,
): UnwantedObject[] {
  return sharedBy(objects, namespace)
    .filter(({ pod }) => pod !== podName && objects.get('Pod', namespace, pod) === undefined)
    .map(({ configMap }) => ({
      path: objectPath('ConfigMap', namespace, configMap.metadata.name),
    }));
}

function sharedBy(objects: ObjectSource, namespace: string) {
  return objects.list('ConfigMap').flatMap((configMap) => {
    const pod = configMap.metadata.labels?.[refusalsLabel];
    const isThere = pod !== undefined && configMap.metadata.namespace === namespace;
    return isThere ? [{ pod, configMap }] : [];
  });
}

function refusalsIn({ data }: ConfigMap): Refusal[] {
  try {
    const read = JSON.parse(data?.[key] ?? '[]') as unknown;
    return Array.isArray(read) ? read.filter(isRefusal) : [];
  } catch {
    // Somebody else's text: what was meant cannot be told.
    return [];
  }
}

function isRefusal(value: unknown): value is Refusal {
  const { proxy, typeUrl, reason } = (value ?? {}) as Partial<Record<keyof Refusal, unknown>>;
  return [proxy, typeUrl, reason].every((one) => typeof one === 'string');
}

/** What sharing is made of. */
export interface RefusalSharingParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly podName: string;
  readonly standing: () => readonly Refusal[];
}

/** Keeps the ConfigMap of this replica. */
export class RefusalSharing implements AsyncDisposable {
  readonly #parts: RefusalSharingParts;
  readonly #end = new AbortController();
  readonly #sharing: Debouncer;
  readonly #retry: Backoff;
  #shared = '[]';

  constructor(parts: RefusalSharingParts) {
    this.#parts = parts;
    this.#sharing = new Debouncer(gathering, parts.clock, () => this.#share());
    this.#retry = new Backoff(retry, parts.clock);
  }

  /** Notes that what proxies refuse may have changed. */
  changed(): void {
    this.#sharing.changed();
  }

  /** Takes over what an earlier process of the same pod has left. */
  resume(objects: ObjectSource): void {
    const { namespace } = this.#parts;
    if (objects.get('ConfigMap', namespace, this.#name) === undefined) return;
    this.#shared = '';
    this.changed();
  }

  /** Takes the ConfigMap away: the proxies of this replica go to others. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#sharing[Symbol.asyncDispose]();
    if (this.#shared !== '[]') await this.#write([]).catch(() => undefined);
  }

  async #share(): Promise<void> {
    // When it was is no news, and would be one with every refusal.
    const all = this.#parts.standing().map((one) => ({ ...one, timeMs: 0 }));
    const standing = all.slice(0, maxShared);
    const text = JSON.stringify(standing);
    if (text === this.#shared) return;
    try {
      await this.#write(standing);
      this.#shared = text;
      this.#retry.reset();
    } catch (error) {
      const { log } = this.#parts;
      log.debug({ code: 'AMB1622' }, `refusals are not shared: ${causeChain(error)}`);
      // Rejects when disposed, which ends this too.
      await this.#retry.wait(this.#end.signal).catch(() => undefined);
      this.#sharing.changed();
    }
  }

  async #write(refusals: readonly Refusal[]): Promise<void> {
    const { client, namespace, podName } = this.#parts;
    const name = this.#name;
    const path = objectPath('ConfigMap', namespace, name);
    if (refusals.length === 0) return await client.delete(path, { timeoutMs });
    const [watched = '', value = ''] = configLabel.split('=');
    const body: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { [refusalsLabel]: podName, [watched]: value } },
      data: { [key]: JSON.stringify(refusals) },
    };
    await client.patch(path, 'take', body, { timeoutMs });
  }

  get #name(): string {
    return `ambit-refusals-${this.#parts.podName}`;
  }
}
