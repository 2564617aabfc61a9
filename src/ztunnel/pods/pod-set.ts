// The pods that this proxy serves, as the node agent wants them (protocol section 2.6).
//
//   state    | event                                  | next
//   absent   | add, listeners open                    | running
//   absent   | add, a listener fails                  | pending (refused to the agent, tried again)
//   pending  | retry works                            | running
//   running  | add, same namespace                    | running (nothing done)
//   any      | add, another namespace                 | absent, then as above
//   any      | del, or not named by a whole snapshot  | absent; its connections end at once

import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Pod } from '../proxy/proxy-parts.ts';

const retryEveryMs = 5_000;

/** A pod whose listeners are open. */
export interface ServedPod extends AsyncDisposable {
  /** The namespace's identity, by which a pod that was made anew is told from the old one. */
  readonly networkId: string;
  /** How many connections are being served. */
  readonly connections: number;
  /** Stops accepting and lets open connections finish until the deadline. */
  drain(deadline: AbortSignal): Promise<void>;
}

type Entry =
  | { readonly kind: 'running'; readonly pod: Pod; readonly proxy: ServedPod }
  | {
      readonly kind: 'pending';
      readonly pod: Pod;
      readonly network: NetworkNamespace;
      readonly problem: string;
    };

export interface PodSetOptions {
  /** Opens a pod's listeners; owns the namespace if it does not throw. */
  readonly start: (pod: Pod, network: NetworkNamespace) => ServedPod;
  /** Called after every change. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The pods of the node. */
export class PodSet implements AsyncDisposable {
  readonly #options: PodSetOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #ending = new Set<Promise<void>>();
  readonly #end = new AbortController();
  /** The uids of the snapshot being received. */
  #named: Set<string> | undefined;
  #retrying = false;

  constructor(options: PodSetOptions) {
    this.#options = options;
  }

  /** Serves a pod. Takes the namespace over. Answers what is wrong, empty when nothing is; a pod that
   * could not be started stays wanted and is tried again. */
  add(pod: Pod, network: NetworkNamespace): string {
    this.#named?.add(pod.uid);
    const known = this.#entries.get(pod.uid);
    if (known !== undefined) {
      const current = known.kind === 'running' ? known.proxy.networkId : known.network.id;
      if (known.kind === 'running' && current === network.id) {
        network[Symbol.dispose]();
        return '';
      }
      this.#remove(pod.uid);
    }
    const problem = this.#start(pod, network);
    this.#options.onChange();
    return problem;
  }

  #start(pod: Pod, network: NetworkNamespace): string {
    const { start, log } = this.#options;
    try {
      this.#entries.set(pod.uid, { kind: 'running', pod, proxy: start(pod, network) });
      log.info({ pod: `${pod.namespace}/${pod.name}`, uid: pod.uid }, 'pod joined');
      return '';
    } catch (error) {
      const problem = causeChain(error);
      this.#entries.set(pod.uid, { kind: 'pending', pod, network, problem });
      log.warn({ code: codeOf(error), uid: pod.uid, error: problem }, 'pod could not be started');
      void this.#retry();
      return problem;
    }
  }

  /** Tries pending pods again until none is left. One loop at a time. */
  async #retry(): Promise<void> {
    if (this.#retrying) return;
    this.#retrying = true;
    const { clock, onChange } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted && this.pending > 0) {
      await clock.wait(retryEveryMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      for (const entry of this.#entries.values()) {
        if (entry.kind === 'pending') this.#start(entry.pod, entry.network);
      }
      onChange();
    }
    this.#retrying = false;
  }

  /** Names a pod of the snapshot that the agent can not describe any more. */
  keep(uid: string): void {
    this.#named?.add(uid);
  }

  /** Ends a pod's service; unknown ones are ignored. */
  remove(uid: string): void {
    this.#named?.delete(uid);
    this.#remove(uid);
    this.#options.onChange();
  }

  #remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    if (entry.kind === 'pending') {
      entry.network[Symbol.dispose]();
      return;
    }
    const { log } = this.#options;
    log.info({ pod: `${entry.pod.namespace}/${entry.pod.name}`, uid }, 'pod left');
    const ended = this.#endOf(entry.proxy, uid);
    this.#ending.add(ended);
    void ended.then(() => this.#ending.delete(ended));
  }

  async #endOf(proxy: ServedPod, uid: string): Promise<void> {
    try {
      await proxy[Symbol.asyncDispose]();
    } catch (error) {
      const fields = { code: codeOf(error), uid, error: causeChain(error) };
      this.#options.log.error(fields, 'a pod did not end well');
    }
  }

  /** The agent starts over: from now to `endSnapshot`, every pod that is to stay is named. */
  beginSnapshot(): void {
    this.#named = new Set();
  }

  /** Drops what was not named. False when no snapshot was being received. */
  endSnapshot(): boolean {
    const named = this.#named;
    if (named === undefined) return false;
    this.#named = undefined;
    for (const uid of this.#entries.keys()) if (!named.has(uid)) this.#remove(uid);
    this.#options.onChange();
    return true;
  }

  /** Whether a snapshot is being received. */
  get inSnapshot(): boolean {
    return this.#named !== undefined;
  }

  get pending(): number {
    let count = 0;
    for (const entry of this.#entries.values()) if (entry.kind === 'pending') count++;
    return count;
  }

  /** The pods wanted, with what holds them up. */
  list(): readonly { pod: Pod; state: 'Up' | 'Pending'; connections: number }[] {
    return [...this.#entries.values()].map((entry) =>
      entry.kind === 'running'
        ? { pod: entry.pod, state: 'Up', connections: entry.proxy.connections }
        : { pod: entry.pod, state: 'Pending', connections: 0 },
    );
  }

  /** Stops accepting everywhere and lets open connections finish until the deadline. */
  async drain(deadline: AbortSignal): Promise<void> {
    this.#end.abort(new Error('the proxy shuts down'));
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(
      entries.map(async (entry) => {
        if (entry.kind === 'running') await entry.proxy.drain(deadline);
        else entry.network[Symbol.dispose]();
      }),
    );
    await Promise.all(this.#ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error('the pod set was closed'));
    for (const uid of this.#entries.keys()) this.#remove(uid);
    await Promise.all(this.#ending);
  }
}
