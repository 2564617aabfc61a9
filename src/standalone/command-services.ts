// Makes the Service of a command whose port nobody named: looks at what its pod listens on.

import { readFileSync } from 'node:fs';
import type { Clock } from '../runtime/clock.ts';
import { AmbitError, causeChain } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { ObjectStore } from './api/store.ts';
import { EventRecorder } from './kubelet/event-recorder.ts';
import type { Kubelet } from './kubelet/kubelet.ts';
import { asPod, type Pod, podName } from './kubelet/pod-types.ts';
import { choosePort, listeningPorts, type PortChoice } from './listening-ports.ts';
import { commandService, serveAnnotation } from './user-command.ts';

const pollMs = 250;

export interface CommandServicesOptions {
  readonly store: ObjectStore;
  readonly kubelets: readonly Kubelet[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Follows the pods that ask for it. Disposing it ends that. */
export class CommandServices implements Disposable {
  readonly #options: CommandServicesOptions;
  readonly #events: EventRecorder;
  /** Pods whose port is not known yet, by uid. */
  readonly #waiting = new Map<string, Pod>();
  /** Pods that were told that nobody can reach them, by uid. */
  readonly #warned = new Set<string>();
  readonly #watch: Disposable;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CommandServicesOptions) {
    this.#options = options;
    const { store, clock, log } = options;
    this.#events = new EventRecorder(store, { component: 'ambit' }, clock, log);
    this.#watch = store.watch('pods', ({ type, object }) => {
      const pod = asPod(object);
      if (pod.metadata.annotations?.[serveAnnotation] === undefined) return;
      if (type === 'DELETED') this.#forget(pod);
      else if (type === 'ADDED') this.#waiting.set(pod.metadata.uid, pod);
      this.#timer ??= setTimeout(() => this.#look(), pollMs);
    });
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
    clearTimeout(this.#timer);
  }

  #forget({ metadata }: Pod): void {
    this.#waiting.delete(metadata.uid);
    this.#warned.delete(metadata.uid);
  }

  #look(): void {
    for (const pod of this.#waiting.values()) this.#consider(pod);
    this.#timer = this.#waiting.size === 0 ? undefined : setTimeout(() => this.#look(), pollMs);
  }

  #consider(pod: Pod): void {
    const choice = this.#portOf(pod);
    const { namespace, uid, annotations } = pod.metadata;
    const name = annotations?.[serveAnnotation] ?? '';
    if (choice.kind === 'found') {
      this.#waiting.delete(uid);
      this.#serve(pod, name, choice.port);
    } else if (choice.kind === 'private' && !this.#warned.has(uid)) {
      this.#warned.add(uid);
      const problem = `port ${choice.port} is open on 127.0.0.1 only`;
      const error = new AmbitError('AMB1117', problem, { object: `Pod ${podName(pod)}` });
      this.#events.record(pod, 'Warning', 'NotReachable', `${error.message}. ${error.remedy}`);
      this.#options.log.warn({ namespace, name, code: error.code }, error.message);
    }
  }

  #serve(pod: Pod, name: string, port: number): void {
    const { store, log } = this.#options;
    try {
      store.apply(commandService(name, pod.metadata.namespace, port), 'ambit-run');
      this.#events.record(pod, 'Normal', 'Serving', `Service ${name} leads to port ${port}`);
    } catch (error) {
      log.error({ object: podName(pod), error: causeChain(error) }, 'no service was made');
    }
  }

  #portOf(pod: Pod): PortChoice {
    const { namespace, name } = pod.metadata;
    for (const kubelet of this.#options.kubelets) {
      const runner = kubelet.podNamed(namespace, name);
      const container = pod.spec.containers[0]?.name ?? '';
      const state = runner?.containerFacts(container)?.state;
      if (state?.kind === 'running') return choosePort(portsOf(state.pid));
    }
    return { kind: 'none' };
  }
}

function portsOf(pid: number): ReturnType<typeof listeningPorts> {
  try {
    return ['tcp', 'tcp6'].flatMap((file) =>
      listeningPorts(readFileSync(`/proc/${pid}/net/${file}`, 'utf8')),
    );
  } catch {
    return []; // it ended meanwhile
  }
}
