// One pod of a node from its first sight to its removal: volumes, sandbox, init containers, containers,
// and all of it back again.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Backoff } from '../../runtime/backoff.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import { jsonEqual } from '../api/json.ts';
import { ChangeSignal } from './change-signal.ts';
import { ContainerRunner, type ContainerSurroundings } from './container-runner.ts';
import { factsFromStatus } from './container-state.ts';
import type { PodPlace } from './downward.ts';
import { type NodeContext, podFolder, podLogFolder } from './node-context.ts';
import { hostsFile, resolvConf } from './pod-files.ts';
import { makeSandbox, type PodSandbox } from './pod-sandbox.ts';
import { initFinished, podStatus } from './pod-status.ts';
import { asPod, type Container, type Pod, podName } from './pod-types.ts';
import { PodVolumes } from './pod-volumes.ts';

/** How often a pod whose volumes lack something looks again, if no change is seen before. */
const volumeRetryMs = 10_000;
const sandboxBackoff = { firstMs: 500, maxMs: 10_000, jitter: 0.2 };
const networkPollMs = 50;
const anewMs = 5_000;
const defaultGraceSeconds = 30;

/** Runs one pod. */
export class PodRunner {
  readonly #context: NodeContext;
  readonly #changes = new ChangeSignal();
  readonly #stop = new AbortController();
  readonly #volumes: PodVolumes;
  readonly #init: readonly ContainerRunner[];
  readonly #containers: readonly ContainerRunner[];
  readonly #startMs: number;
  readonly #life: Promise<void>;
  #pod: Pod;
  #sandbox: PodSandbox | undefined;
  /** Kept when the sandbox of a completed pod is gone. */
  #addresses: readonly string[] = [];
  #ending: Promise<void> | undefined;
  /** How long the end may take, as last told. */
  #endingMs = Number.POSITIVE_INFINITY;
  #written: unknown;

  /** Takes the pod; its life begins at once. */
  constructor(context: NodeContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#startMs = context.mesh.clock.now();
    this.#volumes = new PodVolumes(context, pod, this.#place());
    const { initContainers = [], containers, restartPolicy = 'Always' } = pod.spec;
    const initPolicy = restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    this.#init = initContainers.map((one) =>
      this.#runner(one, one.restartPolicy ?? initPolicy, pod.status?.initContainerStatuses),
    );
    this.#containers = containers.map((one) =>
      this.#runner(one, restartPolicy, pod.status?.containerStatuses),
    );
    this.#life = this.#persist();
  }

  #runner(
    container: Container,
    policy: 'Always' | 'OnFailure' | 'Never',
    statuses: NonNullable<Pod['status']>['containerStatuses'],
  ): ContainerRunner {
    const around: ContainerSurroundings = {
      context: this.#context,
      pod: () => this.#pod,
      place: () => this.#place(),
      volumes: this.#volumes,
      changes: this.#changes,
      onChange: () => {
        this.#changes.notify();
        this.publish();
      },
    };
    const status = statuses?.find(({ name }) => name === container.name);
    const { phase } = this.#pod.status ?? {};
    const complete = phase === 'Succeeded' || phase === 'Failed';
    // Init containers run again in a new sandbox: what they prepared went with the old one.
    const isMain = this.#pod.spec.containers.includes(container);
    const stays = complete || (isMain && policy === 'Never');
    const facts = factsFromStatus(container, status, stays, this.#context.mesh.clock.now());
    return new ContainerRunner(around, facts, policy);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Where its processes run, while they can. */
  get sandbox(): PodSandbox | undefined {
    return this.#sandbox;
  }

  /** Follows a new version of the pod. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#volumes.refresh(pod, this.#place());
    this.#changes.notify();
    this.publish();
  }

  /** An object that the pod may show or wait for has changed. */
  objectsChanged(): void {
    this.#volumes.refresh(this.#pod, this.#place());
    this.#changes.notify();
  }

  /** The state of a container, for those who read its log. */
  containerFacts(name: string): ContainerRunner['facts'] | undefined {
    return [...this.#init, ...this.#containers].find(({ facts }) => facts.container.name === name)
      ?.facts;
  }

  /** Ends the pod. `remove` takes the object away too, `keep` leaves it for the next supervisor, `gone`
   * says that it is away already. A later call can only shorten the grace. */
  end(graceMs: number, object: 'remove' | 'keep' | 'gone'): Promise<void> {
    const shorter = graceMs < this.#endingMs;
    this.#endingMs = Math.min(graceMs, this.#endingMs);
    if (this.#ending === undefined) this.#ending = this.#tearDown(graceMs, object);
    else if (shorter) void this.#stopContainers(graceMs);
    return this.#ending;
  }

  /** Init containers run longest, as those that stay beside the pod serve the others. */
  async #stopContainers(graceMs: number): Promise<void> {
    await Promise.all(this.#containers.map((runner) => runner.stop(graceMs)));
    await Promise.all(this.#init.map((runner) => runner.stop(graceMs)));
  }

  /** Lives, and begins anew after what only the machine is to blame for, such as a full disk. */
  async #persist(): Promise<void> {
    const { log, clock } = this.#context.mesh;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#live();
        return;
      } catch (error) {
        if (signal.aborted) return;
        const object = `Pod ${podName(this.#pod)}`;
        log.error({ object, code: codeOf(error), error: causeChain(error) }, 'a pod begins anew');
        this.#event('Warning', 'FailedSync', this.#explained(error));
        await this.#dropSandbox();
        await clock.wait(anewMs, signal).catch(() => undefined); // ended by the loop's test
      }
    }
  }

  async #live(): Promise<void> {
    const { signal } = this.#stop;
    this.publish();
    const phase = this.#pod.status?.phase;
    if (this.#pod.metadata.deletionTimestamp !== undefined) return;
    if (phase === 'Succeeded' || phase === 'Failed') return;
    if (this.#containers.every(({ facts }) => facts.done)) return;
    await this.#prepareVolumes(signal);
    await this.#awaitNetwork(signal);
    const sandbox = await this.#makeSandbox(signal);
    this.#writeFiles(sandbox);
    this.publish();
    const over = new AbortController();
    const tokens = this.#volumes.keepTokensFresh(AbortSignal.any([signal, over.signal]));
    await this.#runContainers(sandbox, signal);
    over.abort(new Error('the pod is complete'));
    await tokens;
    if (!signal.aborted) await this.#dropSandbox();
  }

  async #runContainers(sandbox: PodSandbox, signal: AbortSignal): Promise<void> {
    const beside: Promise<void>[] = [];
    for (const runner of this.#init) {
      const run = runner.run(sandbox);
      if (runner.facts.container.restartPolicy === 'Always') beside.push(run);
      else await run;
      const { clock } = this.#context.mesh;
      while (!runner.facts.done && !initFinished(runner.facts)) {
        await this.#changes.wait(1_000, clock, signal);
      }
      if (signal.aborted || !initFinished(runner.facts)) return;
    }
    await Promise.all(this.#containers.map((runner) => runner.run(sandbox)));
    if (signal.aborted) return;
    await Promise.all(this.#init.map((runner) => runner.stop(this.#graceMs())));
    await Promise.all(beside);
  }

  async #prepareVolumes(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      try {
        await this.#volumes.prepare();
        return;
      } catch (error) {
        this.#event('Warning', 'FailedMount', this.#explained(error));
        await this.#changes.wait(volumeRetryMs, this.#context.mesh.clock, signal);
      }
    }
  }

  /** Does not try what is known to fail: on a node without its agent every attempt would. */
  async #awaitNetwork(signal: AbortSignal): Promise<void> {
    const { namespace } = this.#pod.metadata;
    let told = false;
    while (this.#pod.spec.hostNetwork !== true) {
      const problem = this.#context.networkProblem(namespace);
      if (problem === undefined) return;
      if (!told) {
        const error = new AmbitError('AMB1302', problem, { object: `Pod ${podName(this.#pod)}` });
        this.#event('Warning', 'NetworkNotReady', this.#explained(error));
      }
      told = true;
      await this.#context.mesh.clock.wait(networkPollMs, signal);
    }
  }

  async #makeSandbox(signal: AbortSignal): Promise<PodSandbox> {
    const backoff = new Backoff(sandboxBackoff, this.#context.mesh.clock);
    for (;;) {
      signal.throwIfAborted();
      try {
        const sandbox = await makeSandbox(this.#context, this.#pod);
        this.#sandbox = sandbox;
        this.#addresses = sandbox.addresses;
        return sandbox;
      } catch (error) {
        const message = `Failed to create pod sandbox: ${this.#explained(error)}`;
        this.#event('Warning', 'FailedCreatePodSandBox', message);
        await backoff.wait(signal);
      }
    }
  }

  #explained(error: unknown): string {
    if (error instanceof AmbitError) return `${causeChain(error)}. ${error.remedy}`;
    return `${codeOf(error)} ${causeChain(error)}`;
  }

  #writeFiles(sandbox: PodSandbox): void {
    const folder = podFolder(this.#context, this.#pod);
    const { dns } = this.#context.mesh;
    mkdirSync(folder, { recursive: true });
    const hosts = hostsFile(this.#pod, sandbox.addresses, dns.clusterDomain);
    writeFileSync(path.join(folder, 'hosts'), hosts);
    writeFileSync(path.join(folder, 'resolv.conf'), resolvConf(this.#pod, dns));
  }

  async #tearDown(graceMs: number, object: 'remove' | 'keep' | 'gone'): Promise<void> {
    const running = [...this.#containers, ...this.#init].filter(
      ({ facts }) => facts.state.kind === 'running',
    );
    if (object === 'remove') {
      for (const { facts } of running) {
        this.#event('Normal', 'Killing', `Stopping container ${facts.container.name}`);
      }
    }
    this.#stop.abort(new Error('the pod is being ended'));
    await this.#stopContainers(graceMs);
    await this.#life;
    await this.#dropSandbox();
    this.#volumes.remove();
    if (object === 'keep') return;
    if (object === 'remove') this.#removeObject();
    rmSync(podLogFolder(this.#context.mesh, this.#pod), { recursive: true, force: true });
  }

  async #dropSandbox(): Promise<void> {
    const sandbox = this.#sandbox;
    this.#sandbox = undefined;
    try {
      await sandbox?.[Symbol.asyncDispose]();
    } catch (error) {
      // The namespace is gone all the same; a plugin that could not tidy up must not keep the pod.
      const object = `Pod ${podName(this.#pod)}`;
      this.#context.mesh.log.warn({ object, error: causeChain(error) }, 'detaching failed');
    }
  }

  #removeObject(): void {
    const { store } = this.#context.mesh;
    const { namespace, name, uid } = this.#pod.metadata;
    const current = store.get('pods', namespace, name);
    if (current?.metadata.uid !== uid) return;
    store.delete('pods', namespace, name, { gracePeriodSeconds: 0, uid });
  }

  #graceMs(): number {
    return (this.#pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
  }

  #place(): PodPlace {
    const { node, allocatable } = this.#context;
    return { hostIps: node.addresses, podIps: this.#addresses, allocatable };
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.events.record(this.#pod, type, reason, message);
  }

  /** Writes the status if it differs from what was written last. What cannot be written now (a full
   * disk) is written at the next call. */
  publish(): void {
    try {
      this.#writeStatus();
    } catch (error) {
      this.#written = undefined;
      const object = `Pod ${podName(this.#pod)}`;
      const { log } = this.#context.mesh;
      log.warn({ object, code: codeOf(error), error: causeChain(error) }, 'no status written');
    }
  }

  /** Read and write are one synchronous stretch: no other writer of this process comes between. */
  #writeStatus(): void {
    const { mesh, node } = this.#context;
    const { namespace, name, uid } = this.#pod.metadata;
    const current = mesh.store.get('pods', namespace, name);
    if (current === undefined || current.metadata.uid !== uid) return;
    const pod = asPod(current);
    const status = podStatus({
      pod,
      hostIps: node.addresses,
      podIps: this.#addresses,
      startMs: this.#startMs,
      sandboxReady: this.#sandbox !== undefined,
      init: this.#init.map(({ facts }) => facts),
      containers: this.#containers.map(({ facts }) => facts),
      nowMs: mesh.clock.now(),
    });
    if (jsonEqual(status, this.#written)) return;
    this.#written = status;
    mesh.store.updateStatus({ ...pod, status });
  }
}
