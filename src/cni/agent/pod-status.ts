// What the agent writes to the API: the annotation by which the controller knows an enrolled pod,
// and events on the pod that say in words what happened.

import {
  type CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  CoreV1Api as PodApi,
  setHeaderOptions,
} from '@kubernetes/client-node';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { PodFacts } from './pod-facts.ts';

/** Whether a pod is in the mesh; `pending` is tried again (protocol section 1.10). */
export type Redirection = 'enabled' | 'pending';
export const redirectionAnnotation = 'ambient.istio.io/redirection';
/** On a pod in quarantine: the code that says why. */
export const quarantineAnnotation = 'ambit.io/quarantine';

/** An event of a pod. */
export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  /** One word in upper camel case. */
  readonly reason:
    | 'JoinedMesh'
    | 'LeftMesh'
    | 'MeshEnrolmentFailed'
    | 'MeshAnnotationInvalid'
    | 'MeshUnproven'
    | 'MeshQuarantined'
    | 'MeshQuarantineLifted';
  readonly message: string;
}

/** Writes about the pods of a node. */
export interface PodStatus {
  /** Sets or, with undefined, removes the annotation. A pod that is gone is no error.
   * @throws AmbitError AMB1313 */
  setRedirection(pod: PodFacts, value: Redirection | undefined): Promise<void>;
  /** Sets or, with undefined, removes the annotation `ambit.io/quarantine`, whose value is the code
   * that says why. @throws AmbitError AMB1313 */
  setQuarantine(pod: PodFacts, code: string | undefined): Promise<void>;
  /** Records an event, unless it is the last one recorded on the pod. Never fails. */
  record(pod: PodFacts, event: PodEvent): Promise<void>;
  /** Forgets what is remembered of a pod that is gone. */
  forget(uid: string): void;
}

export interface PodStatusOptions {
  readonly config: KubeConfig;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const component = 'ambit-node-agent';

/** Writes through the Kubernetes API. */
export class ApiPodStatus implements PodStatus {
  readonly #options: PodStatusOptions;
  readonly #api: CoreV1Api;
  /** The last event of each pod, by uid: repetitions of a failure are not news. */
  readonly #last = new Map<string, string>();

  constructor(options: PodStatusOptions) {
    this.#options = options;
    this.#api = options.config.makeApiClient(PodApi);
  }

  async setRedirection(pod: PodFacts, value: Redirection | undefined): Promise<void> {
    await this.#annotate(pod, redirectionAnnotation, value);
  }

  async setQuarantine(pod: PodFacts, code: string | undefined): Promise<void> {
    await this.#annotate(pod, quarantineAnnotation, code);
  }

  async #annotate(pod: PodFacts, key: string, value: string | undefined): Promise<void> {
    const { name, namespace, uid } = pod;
    // The uid makes the server refuse the change for a newer pod of the same name.
    const body = { metadata: { uid, annotations: { [key]: value ?? null } } };
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    try {
      await this.#api.patchNamespacedPodStatus({ name, namespace, body }, merge);
    } catch (cause) {
      if (statusOf(cause) === 404) return;
      const what = `annotation ${key} could not be written`;
      throw new AmbitError('AMB1313', what, { object: `Pod ${namespace}/${name}`, cause });
    }
  }

  async record(pod: PodFacts, event: PodEvent): Promise<void> {
    const fingerprint = `${event.reason} ${event.message}`;
    if (this.#last.get(pod.uid) === fingerprint) return;
    this.#last.set(pod.uid, fingerprint);
    const { clock, log, nodeName } = this.#options;
    const { name, namespace, uid } = pod;
    const now = new Date(clock.now());
    try {
      await this.#api.createNamespacedEvent({
        namespace,
        body: {
          metadata: { generateName: `${name}.`, namespace },
          involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
          type: event.type,
          reason: event.reason,
          message: event.message,
          source: { component, host: nodeName },
          reportingComponent: component,
          reportingInstance: nodeName,
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
        },
      });
    } catch (error) {
      log.debug({ error: causeChain(error), pod: `${namespace}/${name}` }, 'event not recorded');
    }
  }

  forget(uid: string): void {
    this.#last.delete(uid);
  }
}

function statusOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, 'code') : undefined;
}
