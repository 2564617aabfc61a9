// Keeps each pod of the node where it belongs, inside the mesh or outside. It looks at what is, not
// at what has changed, so it can be asked at any time and as often as one likes.

import { parseIp } from '../../mesh/address.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { PluginAnswer, PluginEvent } from '../../wire/cni.ts';
import type { ProbeExemption } from '../redirect/probe-exemption.ts';
import type { RedirectSettings } from '../redirect/rules.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { Enrolment } from './enrol.ts';
import type { FoundNamespace } from './found-namespace.ts';
import type { Member, Members } from './members.ts';
import type { NodeObjects } from './node-objects.ts';
import { hasEnded, type NamespaceLabels, type PodFacts } from './pod-facts.ts';
import { findPodNamespace, type NamespaceFolder, openPodNamespace } from './pod-namespace.ts';
import { type PodStatus, quarantineAnnotation, redirectionAnnotation } from './pod-status.ts';
import { redirectChoices } from './redirect-choices.ts';
import { type EnrolmentDecision, shouldEnrol } from './should-enrol.ts';
import { WorkQueue } from './work-queue.ts';

export interface MembershipOptions {
  readonly members: Members;
  readonly enrolment: Enrolment;
  readonly probes: Pick<ProbeExemption, 'repair'>;
  readonly objects: NodeObjects;
  readonly status: PodStatus;
  readonly where: NamespaceFolder;
  /** What pods get that choose nothing. */
  readonly nodeSettings: RedirectSettings;
  readonly excluded: ReadonlySet<string>;
  /** How long between two looks at all members, milliseconds. */
  readonly proofPeriodMs: number;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** For a starting pod: less than the plugin waits, so that it hears the reason. */
const startDeadlineMs = 4_000;
/** For a running pod; after it, the pod is tried again. */
const joinDeadlineMs = 5_000;

/** Decides about pods and has the decisions carried out. */
export class Membership implements AsyncDisposable {
  readonly #options: MembershipOptions;
  readonly #queue: WorkQueue;
  readonly #closing = new AbortController();
  readonly #verifying: Promise<void>;
  #dismissed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      work: async (uid) => await this.#settle(uid),
      onFailure: (uid, error) => this.#onFailure(options.objects.pod(uid), error),
      clock: options.clock,
    });
    this.#verifying = this.#verifyForever();
  }

  /** Asks for a look at one pod, soon. */
  request(uid: string): void {
    this.#queue.request(uid);
  }

  /** Asks for a look at all pods of the node, and at members whose pods are gone. */
  requestAll(): void {
    for (const { uid } of this.#options.objects.pods()) this.request(uid);
    for (const { pod } of this.#options.members.list()) this.request(pod.uid);
  }

  /** Decides about a pod that is being started, and enrols it before its first process runs.
   * @throws AmbitError when it belongs into the mesh and cannot join; it must not start then */
  async admit(event: PluginEvent): Promise<PluginAnswer> {
    const { metrics, objects, where, enrolment } = this.#options;
    const signal = AbortSignal.timeout(startDeadlineMs);
    const { pod, labels } = await objects.lookUp(event.podName, event.podNamespace, signal);
    const decision = this.#decide(pod, labels);
    if (!decision.enrol) return { enrolled: false, reason: decision.reason };
    const addresses = event.addresses.flatMap(({ address }) => parseIp(address) ?? []);
    const settings = this.#settingsOf(pod);
    const { reason } = decision;
    try {
      await this.#queue.exclusive(pod.uid, async () => {
        const { namespace: netns, file } = openPodNamespace(event.netns, where);
        const joining = { pod, netns, file, addresses, settings, reason, isStarting: true };
        await enrolment.join(joining, signal);
      });
    } catch (error) {
      metrics.failed(codeOf(error));
      // All is done but the annotation, which is tried again without holding the pod up.
      if (codeOf(error) !== 'AMB1313') {
        await this.#reportFailure(pod, error);
        throw error;
      }
      this.request(pod.uid);
    }
    metrics.joined();
    return { enrolled: true, reason };
  }

  /** Takes all pods out of the mesh for good: it is being uninstalled. What fails is told in the log,
   * and keeps no other pod in. */
  async dismissAll(reason: string): Promise<void> {
    const { enrolment, members, log } = this.#options;
    this.#dismissed = true;
    const all = members.list().map(async ({ pod }) => {
      try {
        await this.#queue.exclusive(pod.uid, async () => {
          await enrolment.leave(pod, 'uninstalled', reason);
        });
      } catch (error) {
        const name = `${pod.namespace}/${pod.name}`;
        log.error({ code: codeOf(error), error: causeChain(error), pod: name }, 'pod not let out');
      }
    });
    await Promise.all(all);
  }

  /** Brings one pod to where it belongs. */
  async #settle(uid: string): Promise<void> {
    if (this.#dismissed) return;
    const { enrolment, members, objects } = this.#options;
    const pod = objects.pod(uid);
    const member = members.get(uid);
    if (pod === undefined) {
      if (member !== undefined) await enrolment.leave(member.pod, 'deleted', 'the pod was deleted');
      return;
    }
    const labels = objects.labels(pod.namespace);
    if (labels === undefined) return; // its arrival asks again
    const decision = this.#decide(pod, labels);
    if (decision.enrol) {
      await this.#settleInside(pod, decision.reason);
    } else if (member !== undefined || pod.annotations.has(redirectionAnnotation)) {
      if (member === undefined && pod.annotations.has(quarantineAnnotation) && !hasEnded(pod)) {
        const found = findPodNamespace(pod.addresses, this.#options.where, pod.uid);
        using netns = found.namespace;
        await enrolment.release(pod, netns);
      }
      await enrolment.leave(pod, hasEnded(pod) ? 'ended' : 'running', decision.reason);
    }
  }

  async #settleInside(pod: PodFacts, reason: string): Promise<void> {
    const { enrolment, members, metrics, where } = this.#options;
    const settings = this.#settingsOf(pod);
    const member = members.get(pod.uid);
    if (member?.joined === true && (member.netns !== undefined || pod.addresses.length === 0)) {
      await enrolment.refresh(member, pod, settings);
      return;
    }
    // A pod without addresses is being started: the plugin will announce it. One that is ending is
    // let go.
    if (pod.addresses.length === 0 || pod.terminating) return;
    const { namespace: netns, file } = findPodNamespace(pod.addresses, where, pod.uid);
    const joining = { pod, netns, file, addresses: pod.addresses, settings, reason };
    await enrolment.join(joining, AbortSignal.timeout(joinDeadlineMs));
    metrics.joined();
  }

  #decide(pod: PodFacts, labels: NamespaceLabels): EnrolmentDecision {
    return shouldEnrol(pod, labels, this.#options.excluded);
  }

  #settingsOf(pod: PodFacts): RedirectSettings {
    const { nodeSettings, log, status } = this.#options;
    const { settings, problems } = redirectChoices(pod, nodeSettings);
    if (problems.length > 0) {
      const object = `Pod ${pod.namespace}/${pod.name}`;
      const error = new AmbitError('AMB1308', problems.join('; '), { object });
      log.warn({ code: error.code, error: causeChain(error) }, 'annotation ignored');
      const reason = 'MeshAnnotationInvalid';
      void status.record(pod, { type: 'Warning', reason, message: error.message });
    }
    return settings;
  }

  #onFailure(pod: PodFacts | undefined, error: unknown): void {
    this.#options.metrics.failed(codeOf(error));
    const name = pod === undefined ? 'a deleted pod' : `${pod.namespace}/${pod.name}`;
    this.#options.log.warn(
      { code: codeOf(error), error: causeChain(error), pod: name },
      'trying a pod again',
    );
    if (pod !== undefined) void this.#reportFailure(pod, error);
  }

  async #reportFailure(pod: PodFacts, error: unknown): Promise<void> {
    const reason = 'MeshEnrolmentFailed';
    const message = causeChain(error);
    await this.#options.status.record(pod, { type: 'Warning', reason, message });
  }

  async #verifyForever(): Promise<void> {
    const { clock, log, members, proofPeriodMs } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#verifyProbes();
      // The first round compares what an agent before this one left.
      for (const { pod } of members.list()) {
        if (signal.aborted) return;
        try {
          await this.#queue.exclusive(pod.uid, async () => await this.#verify(pod.uid));
        } catch (error) {
          log.warn(
            { code: codeOf(error), error: causeChain(error), pod: pod.name },
            'rules not verified',
          );
        }
      }
      await clock.wait(proofPeriodMs, signal).catch(() => undefined);
    }
  }

  async #verify(uid: string): Promise<void> {
    const { enrolment, members } = this.#options;
    const member = members.get(uid);
    if (member === undefined || (await enrolment.verify(member)) !== 'moved') return;
    const found = this.#findAgain(member);
    using namespace = found?.namespace;
    if (found !== undefined && namespace?.id === member.netns?.id) {
      const refiled = { ...member, file: found.file };
      members.set(refiled);
      await enrolment.verify(refiled, true);
      return;
    }
    await enrolment.lose(member, found !== undefined);
    this.request(uid);
  }

  #findAgain({ pod }: Member): FoundNamespace | undefined {
    try {
      return findPodNamespace(pod.addresses, this.#options.where, pod.uid);
    } catch {
      return undefined; // why is told by the attempts to join anew
    }
  }

  /** Puts the node's exemption of probes back, without which enrolled pods become unready. */
  async #verifyProbes(): Promise<void> {
    if (this.#dismissed) return;
    const { log, metrics, probes } = this.#options;
    try {
      const problems = await probes.repair();
      if (problems.length === 0) return;
      metrics.problem('probes');
      log.warn({ problems }, 'the rule for probes was put back');
    } catch (error) {
      log.error({ code: codeOf(error), error: causeChain(error) }, 'the rule for probes is broken');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#queue[Symbol.asyncDispose]();
    await this.#verifying;
  }
}
