// One container of a pod from its first start to its last end: start, probe, restart, stop.
//
// | state      | event                              | next                                        |
// |------------|------------------------------------|---------------------------------------------|
// | waiting    | command runs                       | running                                     |
// | waiting    | something is missing               | waiting, with the reason; tried again       |
// | running    | process ends, policy says stay     | terminated, done                            |
// | running    | process ends, policy says restart  | waiting CrashLoopBackOff, then running      |
// | running    | startup or liveness probe fails    | the process is ended, then as above         |
// | any        | stop                               | terminated, done                            |

import { rmSync } from 'node:fs';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { ChangeSignal } from './change-signal.ts';
import { type Launch, planLaunch } from './container-launch.ts';
import { ContainerLog } from './container-log.ts';
import { runProbes } from './container-probes.ts';
import { ContainerProcess, type Exit } from './container-process.ts';
import type { ContainerFacts, ContainerState } from './container-state.ts';
import type { PodPlace } from './downward.ts';
import { containerLogFile, type NodeContext } from './node-context.ts';
import type { PodSandbox } from './pod-sandbox.ts';
import { type Container, type Pod, podName } from './pod-types.ts';
import type { PodVolumes } from './pod-volumes.ts';
import { decideRestart, noRestarts, type RestartHistory, type RestartPolicy } from './restart.ts';

/** What a container shares with its pod. */
export interface ContainerSurroundings {
  readonly context: NodeContext;
  readonly pod: () => Pod;
  readonly place: () => PodPlace;
  readonly volumes: PodVolumes;
  /** Objects that containers wait for may have changed. */
  readonly changes: ChangeSignal;
  /** The facts of this container changed. */
  readonly onChange: () => void;
}

/** How often a container that cannot start is tried again if nothing it needs is seen to change. */
const blockedRetryMs = 10_000;
const defaultGraceSeconds = 30;

/** Runs one container of one pod. */
export class ContainerRunner {
  readonly #around: ContainerSurroundings;
  readonly #container: Container;
  readonly #policy: RestartPolicy;
  readonly #stop = new AbortController();
  #facts: ContainerFacts;
  #process: ContainerProcess | undefined;
  #history: RestartHistory = noRestarts;
  /** Why the process is being ended, for its terminated state. */
  #ending: string | undefined;
  /** The process that got its SIGTERM: to many programs a second one means "at once". */
  #told: ContainerProcess | undefined;

  constructor(around: ContainerSurroundings, facts: ContainerFacts, policy: RestartPolicy) {
    this.#around = around;
    this.#container = facts.container;
    this.#policy = policy;
    this.#facts = facts;
  }

  get facts(): ContainerFacts {
    return this.#facts;
  }

  /** Runs the container until it is done or stopped. Never rejects for what the container does. */
  async run(sandbox: PodSandbox): Promise<void> {
    const { signal } = this.#stop;
    if (this.#facts.done) return; // it ended under an earlier supervisor
    try {
      while (!signal.aborted) {
        const process = await this.#start(sandbox, signal);
        const delayMs = await this.#attend(process);
        if (delayMs === undefined) return;
        await this.#backOff(delayMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#set({ done: true });
    }
  }

  /** Ends the container: SIGTERM once, and SIGKILL after `graceMs`. A later call can only bring the latter
   * forward. */
  async stop(graceMs: number): Promise<void> {
    this.#stop.abort(new Error('the container is being stopped'));
    if (this.#process !== undefined) await this.#end(this.#process, graceMs);
  }

  async #end(process: ContainerProcess, graceMs: number): Promise<void> {
    if (this.#told !== process) process.signal('SIGTERM');
    this.#told = process;
    const patience = new AbortController();
    const { clock } = this.#around.context.mesh;
    const late = clock.wait(graceMs, patience.signal).then(
      () => process.signal('SIGKILL'),
      () => undefined, // it ended in time
    );
    await process.exited;
    patience.abort(new Error('it ended'));
    await late;
  }

  /** Starts the process, waiting for what it needs. Rejects only when stopped. */
  async #start(sandbox: PodSandbox, signal: AbortSignal): Promise<ContainerProcess> {
    const { clock } = this.#around.context.mesh;
    for (;;) {
      signal.throwIfAborted();
      const started = await this.#tryStart(sandbox);
      if (started !== undefined) return started;
      await this.#around.changes.wait(blockedRetryMs, clock, signal);
    }
  }

  async #tryStart(sandbox: PodSandbox): Promise<ContainerProcess | undefined> {
    const { context, volumes } = this.#around;
    const pod = this.#around.pod();
    const plan = planLaunch(context, pod, this.#container, this.#around.place(), volumes);
    if (plan.kind === 'blocked') {
      this.#blocked(plan.reason, plan.error);
      return undefined;
    }
    const { name: containerName, image = '' } = this.#container;
    const shown = plan.launch.words.join(' ').slice(0, 200);
    this.#event('Normal', 'Pulled', `Image "${image}" stands for a program here: ${shown}`);
    try {
      const process = await this.#launch(plan.launch, sandbox);
      this.#process = process;
      if (this.#stop.signal.aborted) process.signal('SIGKILL'); // stopped while it was being made
      const startedMs = context.mesh.clock.now();
      const { pid } = process;
      this.#setState({ kind: 'running', pid, startedMs, started: false, ready: false });
      this.#event('Normal', 'Created', `Created container ${containerName} as process ${pid}`);
      this.#event('Normal', 'Started', `Started container ${containerName}`);
      this.#probe(process, plan.launch.env, sandbox);
      return process;
    } catch (error) {
      const object = `Pod ${podName(pod)}/${containerName}`;
      const known = error instanceof AmbitError;
      const coded = known ? error : new AmbitError('AMB1115', causeChain(error), { object });
      this.#blocked('RunContainerError', coded);
      return undefined;
    }
  }

  async #launch(launch: Launch, sandbox: PodSandbox): Promise<ContainerProcess> {
    const { mesh } = this.#around.context;
    const pod = this.#around.pod();
    const { name: container } = this.#container;
    const file = containerLogFile(mesh, pod, container, this.#facts.restartCount);
    const log = new ContainerLog(file, mesh.clock);
    try {
      const name = `${podName(pod)}/${container}`;
      const { namespace } = sandbox;
      const process = await ContainerProcess.start({ ...launch, name, namespace, log });
      void process.exited.then(() => process.output).then(() => log[Symbol.dispose]());
      return process;
    } catch (error) {
      log[Symbol.dispose]();
      throw error;
    }
  }

  #blocked(reason: string, error: AmbitError): void {
    const message = `${error.message}. ${error.remedy}`;
    this.#setState({ kind: 'waiting', reason, message });
    this.#event('Warning', 'Failed', message);
  }

  #probe(process: ContainerProcess, env: ReadonlyMap<string, string>, sandbox: PodSandbox): void {
    const { context } = this.#around;
    const { pid } = process;
    const target = {
      container: this.#container,
      address: sandbox.addresses[0] ?? '127.0.0.1',
      nodeNamespace: context.node.namespace,
      pid,
      env,
    };
    const over = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, over.signal]);
    void process.exited.then(() => over.abort(new Error('the process ended')));
    const running = (change: { readonly started?: boolean; readonly ready?: boolean }): void => {
      const { state } = this.#facts;
      if (state.kind === 'running' && state.pid === pid) this.#setState({ ...state, ...change });
    };
    const probes = runProbes(
      this.#container,
      target,
      {
        started: () => running({ started: true }),
        ready: (ready) => running({ ready }),
        unhealthy: (kind, message) =>
          this.#event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`),
        failed: (kind) => this.#endUnhealthy(kind.toLowerCase(), process),
      },
      context.mesh.clock,
      signal,
    );
    probes.catch((error: unknown) => {
      const object = `${podName(this.#around.pod())}/${this.#container.name}`;
      context.mesh.log.error({ object, error: causeChain(error) }, 'probing failed');
    });
  }

  #endUnhealthy(kind: string, process: ContainerProcess): void {
    const { name, livenessProbe, startupProbe } = this.#container;
    const probe = kind === 'startup' ? startupProbe : livenessProbe;
    const seconds =
      probe?.terminationGracePeriodSeconds ??
      this.#around.pod().spec.terminationGracePeriodSeconds ??
      defaultGraceSeconds;
    this.#event('Normal', 'Killing', `Container ${name} failed ${kind} probe, will be restarted`);
    this.#ending = `the ${kind} probe failed`;
    void this.#end(process, seconds * 1000);
  }

  /** Waits for the end of the process. Answers the delay before its next run, undefined for none. */
  async #attend(process: ContainerProcess): Promise<number | undefined> {
    const exit = await process.exited;
    process.signal('SIGKILL'); // what it left behind in its process group
    this.#process = undefined;
    const { clock } = this.#around.context.mesh;
    const { state } = this.#facts;
    const startedMs = state.kind === 'running' ? state.startedMs : clock.now();
    const finishedMs = clock.now();
    this.#setState({
      kind: 'terminated',
      pid: process.pid,
      ...exit,
      reason: exit.exitCode === 0 ? 'Completed' : 'Error',
      ...(this.#ending === undefined ? {} : { message: this.#ending }),
      startedMs,
      finishedMs,
    });
    this.#ending = undefined;
    if (this.#stop.signal.aborted) return undefined;
    return this.#decide(exit, finishedMs - startedMs);
  }

  #decide(exit: Exit, ranMs: number): number | undefined {
    const decision = decideRestart(this.#policy, exit.exitCode, ranMs, this.#history);
    if (decision.kind === 'stay') return undefined;
    this.#history = decision.history;
    return decision.delayMs;
  }

  async #backOff(delayMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#around.context.mesh;
    const { name } = this.#container;
    const last = this.#facts.state;
    if (delayMs > 0) {
      const pod = this.#around.pod();
      const message = `back-off ${delayMs / 1000}s restarting failed container=${name} pod=${podName(pod)}`;
      this.#set({ last, state: { kind: 'waiting', reason: 'CrashLoopBackOff', message } });
      this.#event('Warning', 'BackOff', `Back-off restarting failed container ${name}`);
      await clock.wait(delayMs, signal);
    }
    this.#set({ last, restartCount: this.#facts.restartCount + 1 });
    this.#dropOldLog();
  }

  /** The logs of the current and the previous run are kept. */
  #dropOldLog(): void {
    const { context } = this.#around;
    const old = this.#facts.restartCount - 2;
    if (old < 0) return;
    const file = containerLogFile(context.mesh, this.#around.pod(), this.#container.name, old);
    for (const name of [file, `${file}.1`]) rmSync(name, { force: true });
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#around.context.events.record(this.#around.pod(), type, reason, message);
  }

  #setState(state: ContainerState): void {
    this.#set({ state });
  }

  #set(change: Partial<ContainerFacts>): void {
    this.#facts = { ...this.#facts, ...change };
    this.#around.onChange();
  }
}
