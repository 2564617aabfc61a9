// The node that the agent runs on, as an object of the API: what it says of its platform, events on it, and
// the taint that keeps pods away until the agent is ready.

import {
  CoreV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Node,
} from '@kubernetes/client-node';
import type { NodeMarks } from '../../mesh/platform.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/** Put on new nodes by whoever makes them; no pod of the mesh is to start there before the agent. */
export const notReadyTaint = 'cni.istio.io/not-ready';

export interface OwnNodeOptions {
  readonly config: KubeConfig;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const component = 'ambit-node-agent';
const retryShape = { firstMs: 200, maxMs: 10_000, jitter: 0.3 };

/** Reads and writes one node. */
export class OwnNode {
  readonly #options: OwnNodeOptions;
  readonly #api: CoreV1Api;

  constructor(options: OwnNodeOptions) {
    this.#options = options;
    this.#api = options.config.makeApiClient(CoreV1Api);
  }

  /** What the node says of itself. @throws AmbitError AMB1330 */
  async marks(): Promise<NodeMarks> {
    const node = await this.#read();
    return {
      labels: node.metadata?.labels ?? {},
      kubeletVersion: node.status?.nodeInfo?.kubeletVersion ?? '',
      osImage: node.status?.nodeInfo?.osImage ?? '',
    };
  }

  /** Records an event on the node. Never fails: it repeats what the log says. */
  async record(reason: string, message: string): Promise<void> {
    const { clock, log, nodeName: name } = this.#options;
    const now = new Date(clock.now());
    // As the kubelet's events on nodes: in the default namespace, with the name for a uid.
    const namespace = 'default';
    try {
      await this.#api.createNamespacedEvent({
        namespace,
        body: {
          metadata: { generateName: `${name}.`, namespace },
          involvedObject: { apiVersion: 'v1', kind: 'Node', name, uid: name },
          type: 'Warning',
          reason,
          message,
          source: { component, host: name },
          reportingComponent: component,
          reportingInstance: name,
          firstTimestamp: now,
          lastTimestamp: now,
          count: 1,
        },
      });
    } catch (error) {
      log.debug({ error: causeChain(error) }, 'event not recorded');
    }
  }

  /** Takes the taint off, however long the API refuses; returns when it is off or `signal` fires. */
  async untaint(signal: AbortSignal): Promise<void> {
    const { clock, log, nodeName } = this.#options;
    const backoff = new Backoff(retryShape, clock);
    while (!signal.aborted) {
      try {
        if (await this.#untaintOnce())
          log.info({ node: nodeName }, `taint ${notReadyTaint} removed`);
        return;
      } catch (error) {
        log.warn({ code: 'AMB1330', error: causeChain(error) }, 'trying to untaint the node again');
        await backoff.wait(signal).catch(() => undefined);
      }
    }
  }

  /** Whether there was one. The test makes the server refuse when taints have changed meanwhile. */
  async #untaintOnce(): Promise<boolean> {
    const { nodeName: name } = this.#options;
    const taints = (await this.#read()).spec?.taints ?? [];
    const kept = taints.filter(({ key }) => key !== notReadyTaint);
    if (kept.length === taints.length) return false;
    const body = [
      { op: 'test', path: '/spec/taints', value: taints },
      { op: 'replace', path: '/spec/taints', value: kept },
    ];
    const json = setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);
    try {
      await this.#api.patchNode({ name, body }, json);
    } catch (cause) {
      const what = `taint ${notReadyTaint} could not be removed`;
      throw new AmbitError('AMB1330', what, { object: `Node ${name}`, cause });
    }
    return true;
  }

  async #read(): Promise<V1Node> {
    const { nodeName: name } = this.#options;
    try {
      return await this.#api.readNode({ name });
    } catch (cause) {
      throw new AmbitError('AMB1330', 'it cannot be read', { object: `Node ${name}`, cause });
    }
  }
}
