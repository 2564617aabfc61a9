// The pods of this node and the namespaces of the cluster, as the agent sees them.

import { CoreV1Api, type KubeConfig, type V1Namespace, type V1Pod } from '@kubernetes/client-node';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { ObjectWatch } from './object-watch.ts';
import {
  hasEnded,
  type NamespaceLabels,
  namespaceLabels,
  type PodFacts,
  podFacts,
} from './pod-facts.ts';

export interface NodeObjectsOptions {
  readonly config: KubeConfig;
  readonly nodeName: string;
  /** Hears the uid of each pod that came, changed or went, or whose namespace changed. */
  readonly onPod: (uid: string) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often a pod that the runtime announced is asked for, while it is unknown. */
const lookUpIntervalMs = 100;

/** A mirror of both kinds. */
export class NodeObjects implements AsyncDisposable {
  readonly #options: NodeObjectsOptions;
  readonly #api: CoreV1Api;
  readonly #watchedPods: ObjectWatch<V1Pod>;
  readonly #watchedNamespaces: ObjectWatch<V1Namespace>;
  readonly #pods = new Map<string, PodFacts>();

  /** Starts at once. */
  constructor(options: NodeObjectsOptions) {
    const { config, nodeName, clock, log } = options;
    this.#options = options;
    this.#api = config.makeApiClient(CoreV1Api);
    const api = this.#api;
    const fieldSelector = `spec.nodeName=${nodeName}`;
    this.#watchedPods = new ObjectWatch<V1Pod>({
      config,
      kind: {
        name: 'pods',
        path: '/api/v1/pods',
        fieldSelector,
        list: async () => await api.listPodForAllNamespaces({ fieldSelector }),
      },
      onChange: (pod, previous) => this.#onPod(pod, previous),
      clock,
      log,
    });
    this.#watchedNamespaces = new ObjectWatch<V1Namespace>({
      config,
      kind: {
        name: 'namespaces',
        path: '/api/v1/namespaces',
        list: async () => await api.listNamespace(),
      },
      onChange: (namespace) => this.#onNamespace(namespace),
      clock,
      log,
    });
  }

  /** Resolves when both kinds have been listed; rejects with the signal's reason when it fires
   * first. */
  async listed(signal: AbortSignal): Promise<void> {
    const listed = Promise.all([this.#watchedPods.listed, this.#watchedNamespaces.listed]);
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await Promise.race([listed, promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** All pods of the node. */
  pods(): PodFacts[] {
    return [...this.#pods.values()];
  }

  pod(uid: string): PodFacts | undefined {
    return this.#pods.get(uid);
  }

  /** The labels of a namespace; undefined while it is not known. */
  labels(namespace: string): NamespaceLabels | undefined {
    const found = this.#watchedNamespaces.get(namespace);
    return found === undefined ? undefined : namespaceLabels(found);
  }

  /** The pod that is starting under a name, and the labels of its namespace. What the mirror has
   * not seen yet, or may have seen in an older life, is asked for.
   * @throws AmbitError AMB1310 when `signal` fires first */
  async lookUp(
    name: string,
    namespace: string,
    signal: AbortSignal,
  ): Promise<{ pod: PodFacts; labels: NamespaceLabels }> {
    const seen = this.#watchedPods.get(name, namespace);
    const known = seen === undefined ? undefined : podFacts(seen);
    const fresh =
      known !== undefined && !known.terminating && !hasEnded(known) && known.addresses.length === 0;
    const labels = this.labels(namespace);
    if (fresh && labels !== undefined) return { pod: known, labels };
    let cause: unknown;
    while (!signal.aborted) {
      try {
        const pod = podFacts(await this.#api.readNamespacedPod({ name, namespace }));
        const found = await this.#api.readNamespace({ name: namespace });
        if (pod !== undefined) return { pod, labels: namespaceLabels(found) };
      } catch (error) {
        cause = error;
      }
      await this.#options.clock.wait(lookUpIntervalMs, signal).catch(() => undefined);
    }
    const object = `Pod ${namespace}/${name}`;
    throw new AmbitError('AMB1310', 'the API server does not show it', { object, cause });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watchedPods[Symbol.asyncDispose]();
    await this.#watchedNamespaces[Symbol.asyncDispose]();
  }

  #onPod(pod: V1Pod | undefined, previous: V1Pod | undefined): void {
    const facts = pod === undefined ? undefined : podFacts(pod);
    const uid = facts?.uid ?? previous?.metadata?.uid;
    if (uid === undefined) return;
    if (facts === undefined) this.#pods.delete(uid);
    else this.#pods.set(uid, facts);
    this.#options.onPod(uid);
  }

  #onNamespace(namespace: V1Namespace | undefined): void {
    const name = namespace?.metadata?.name;
    for (const pod of this.#pods.values()) {
      if (pod.namespace === name) this.#options.onPod(pod.uid);
    }
  }
}
