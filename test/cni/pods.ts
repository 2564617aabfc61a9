// Pods for tests, and a status that remembers what was written.

import type { PodFacts } from '../../src/cni/agent/pod-facts.ts';
import type { PodEvent, PodStatus, Redirection } from '../../src/cni/agent/pod-status.ts';

/** A running pod without labels. */
export function aPod(changes: Partial<PodFacts> = {}): PodFacts {
  return {
    uid: 'uid-1',
    name: 'cart',
    namespace: 'shop',
    serviceAccount: 'cart-account',
    labels: new Map(),
    annotations: new Map(),
    hostNetwork: false,
    phase: 'Running',
    terminating: false,
    addresses: [],
    ...changes,
  };
}

/** Keeps what is written to it. */
export class RecordedStatus implements PodStatus {
  readonly redirection = new Map<string, Redirection | undefined>();
  readonly quarantine = new Map<string, string | undefined>();
  readonly events: PodEvent[] = [];

  async setRedirection(pod: PodFacts, value: Redirection | undefined): Promise<void> {
    this.redirection.set(pod.uid, value);
  }

  async setQuarantine(pod: PodFacts, code: string | undefined): Promise<void> {
    this.quarantine.set(pod.uid, code);
  }

  async record(_pod: PodFacts, event: PodEvent): Promise<void> {
    this.events.push(event);
  }

  forget(uid: string): void {
    this.redirection.delete(uid);
  }
}
