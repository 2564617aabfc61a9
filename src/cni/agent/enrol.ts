// The story of a pod joining and leaving the mesh (protocol section 2.5), each step with its undo.
//
// Joining: ztunnel first, so that its listeners stand before anything is redirected to them and no
// connection is refused in between; then the probes' exemption, then the rules, and the annotation
// last, because it makes peers open tunnels. Leaving begins with the annotation for the same
// reason, and ends with ztunnel, which serves the tunnels of peers that have not heard of it yet.

import { destroyTcpConnections } from '../../linux/connections.ts';
import { hasTcpConnections } from '../../linux/listeners.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { IpAddress } from '../../mesh/address.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  applyRedirection,
  effectiveSettings,
  endCapture,
  endTransition,
  removeRedirection,
} from '../redirect/apply.ts';
import { redirectedConnections, unredirectedConnections } from '../redirect/old-connections.ts';
import type { ProbeExemption } from '../redirect/probe-exemption.ts';
import { liftQuarantine } from '../redirect/quarantine.ts';
import type { RedirectSettings } from '../redirect/rules.ts';
import type { Member, Members } from './members.ts';
import type { ProblemKind } from './plan-repairs.ts';
import type { PodFacts } from './pod-facts.ts';
import type { PodFeedServer } from './pod-feed-server.ts';
import { type PodStatus, redirectionAnnotation } from './pod-status.ts';
import { Prover } from './prove.ts';

export interface EnrolmentOptions {
  readonly members: Members;
  readonly feed: Pick<PodFeedServer, 'add' | 'remove'>;
  readonly probes: Pick<ProbeExemption, 'set' | 'remove'>;
  readonly status: PodStatus;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'wait'>;
  /** Whether a running pod is denied when its rules cannot be installed. Default true. */
  readonly quarantineOnFailure?: boolean;
  readonly onProblem?: (kind: ProblemKind) => void;
  readonly onUnproven?: (pods: number) => void;
  /** How long ztunnel still serves a running pod that has left, milliseconds: as long as the other
   * proxies may take to hear that it has. Default 1000. */
  readonly lingerMs?: number;
}

const defaultLingerMs = 1_000;
/** Pods are proven one after the other: one must not hold the others up. */
const handOverDeadlineMs = 500;

/** A pod that is about to join. */
export interface Joining {
  readonly pod: PodFacts;
  /** Owned by the enrolment from the moment of the call. */
  readonly netns: NetworkNamespace;
  /** Leads to the namespace. */
  readonly file?: string | undefined;
  /** From the CNI event where the pod's status has none yet. */
  readonly addresses: readonly IpAddress[];
  readonly settings: RedirectSettings;
  /** Why, as a sentence part. */
  readonly reason: string;
  /** Whether the runtime is making the pod, so that none of its processes runs yet. */
  readonly isStarting?: boolean;
}

/** Carries joining and leaving out. Its caller sees to it that one pod is never in two steps at
 * once. */
export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #prover: Prover;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    const { feed, status, log, onProblem, onUnproven } = options;
    this.#prover = new Prover({
      status,
      log,
      redirect: async (netns, settings) => await this.#redirect(netns, settings),
      handOver: async ({ pod, netns }) => {
        if (netns === undefined) return;
        await this.#quietly(feed.add(pod, netns, AbortSignal.timeout(handOverDeadlineMs)));
      },
      onProblem,
      onUnproven,
    });
  }

  /** Takes a pod into the mesh, or does all its steps again for one that is. After a failure
   * nothing of it is left, but for the annotation `pending`.
   * @throws AmbitError AMB1304, AMB1306, AMB1307 or AMB1309; AMB1313 when only the annotation is
   * missing, which refresh() writes */
  async join(joining: Joining, signal: AbortSignal): Promise<void> {
    const { pod, reason } = joining;
    const { status } = this.#options;
    try {
      await this.#connect(joining, signal);
    } catch (error) {
      // What made joining fail is the failure to report.
      await this.#quietly(status.setRedirection(pod, 'pending'));
      throw error;
    }
    await status.setRedirection(pod, 'enabled');
    const message = `joined the mesh: ${reason}`;
    const told = status.record(pod, { type: 'Normal', reason: 'JoinedMesh', message });
    // The runtime waits for nothing that the pod does not need.
    if (joining.isStarting !== true) await told;
  }

  async #connect(joining: Joining, signal: AbortSignal): Promise<void> {
    const { pod, netns, file, addresses, settings, isStarting = false } = joining;
    const { feed, members, probes } = this.#options;
    const { uid } = pod;
    await using undo = new AsyncDisposableStack();
    members.set({ pod, netns, file, settings, joined: false });
    undo.defer(() => members.remove(uid));
    // Before the step, as a ztunnel that did not answer in time may have taken the pod.
    undo.defer(async () => await feed.remove(uid));
    await feed.add(pod, netns, signal);
    undo.defer(async () => await this.#quietly(probes.remove(uid)));
    await probes.set(uid, addresses);
    undo.defer(async () => await this.#quietly(removeRedirection(netns)));
    try {
      // Nothing to end where nothing has begun, and a runtime that waits.
      if (isStarting && !hasTcpConnections(netns)) await applyRedirection(netns, settings);
      else await this.#redirect(netns, settings);
    } catch (error) {
      const { quarantineOnFailure = true } = this.#options;
      if (quarantineOnFailure) await this.#prover.deny(pod, netns, settings, causeChain(error));
      throw error;
    }
    if (this.#prover.denies(pod)) await this.release(pod, netns);
    undo.move();
    members.set({ pod, netns, file, settings, joined: true });
  }

  /** Redirects a pod, and ends what goes past the proxy although the rules stand.
   * @throws AmbitError AMB1304 */
  async #redirect(netns: NetworkNamespace, settings: RedirectSettings): Promise<void> {
    await applyRedirection(netns, settings, true);
    const effective = effectiveSettings(netns, settings);
    const old = unredirectedConnections(netns, effective);
    await this.#quietly(old.then(async (list) => await destroyTcpConnections(list, netns)));
    await this.#quietly(endTransition(netns));
  }

  /** New connections go their own way at once; those that the proxy has, and those that peers still
   * open to it, have until `lingerMs` to end. */
  async #release(netns: NetworkNamespace): Promise<void> {
    const { clock, lingerMs = defaultLingerMs } = this.#options;
    await endCapture(netns);
    await clock.wait(lingerMs);
    // While the proxy's ends are there still, which tell these connections from the new ones.
    const old = redirectedConnections(netns);
    await this.#quietly(old.then(async (list) => await destroyTcpConnections(list, netns)));
    await removeRedirection(netns);
  }

  /** Brings a member up to date with a changed pod: its settings, addresses and annotation.
   * @throws AmbitError AMB1304, AMB1309 or AMB1313 */
  async refresh(member: Member, pod: PodFacts, settings: RedirectSettings): Promise<void> {
    const { members, probes, status } = this.#options;
    const { netns } = member;
    const changed = JSON.stringify(member.settings) !== JSON.stringify(settings);
    if (netns !== undefined && changed) await this.#redirect(netns, settings);
    members.set({ ...member, pod, settings });
    if (pod.addresses.length > 0) await probes.set(pod.uid, pod.addresses);
    if (pod.annotations.get(redirectionAnnotation) !== 'enabled') {
      await status.setRedirection(pod, 'enabled');
    }
  }

  /** Takes a pod out of the mesh.
   * @param how `running`: its traffic goes on without the mesh; `uninstalled`: that, even if the API
   * cannot be told; `ended`: only the pod object is left; `deleted`: nothing is
   * @throws AmbitError AMB1304, AMB1309 or AMB1313; what was done stays done */
  async leave(
    pod: PodFacts,
    how: 'running' | 'uninstalled' | 'ended' | 'deleted',
    reason: string,
  ): Promise<void> {
    const { feed, members, probes, status } = this.#options;
    const member = members.get(pod.uid);
    if (how === 'uninstalled') await this.#quietly(status.setRedirection(pod, undefined));
    else if (how !== 'deleted') await status.setRedirection(pod, undefined);
    if (member !== undefined) members.set({ ...member, joined: false });
    const goesOn = how === 'running' || how === 'uninstalled';
    if (goesOn && member?.netns !== undefined) {
      await this.#release(member.netns);
      if (this.#prover.denies(pod)) await this.release(pod, member.netns);
    }
    this.#prover.forget(pod.uid);
    await probes.remove(pod.uid);
    if (member !== undefined) {
      await feed.remove(pod.uid);
      members.remove(pod.uid);
    }
    if (how === 'deleted') {
      status.forget(pod.uid);
      return;
    }
    const message = `left the mesh: ${reason}`;
    await status.record(pod, { type: 'Normal', reason: 'LeftMesh', message });
  }

  /** Lets a denied pod go that is not to join any more. */
  async release(pod: PodFacts, netns: NetworkNamespace): Promise<void> {
    await this.#quietly(liftQuarantine(netns));
    await this.#quietly(this.#options.status.setQuarantine(pod, undefined));
    this.#prover.forget(pod.uid);
  }

  /** Proves that a member's traffic is redirected, repairs what is not, and denies it otherwise.
   * @param isConfirmed its namespace has just been found to be the pod's */
  async verify(member: Member, isConfirmed = false): Promise<'proven' | 'unproven' | 'moved'> {
    return await this.#prover.prove(member, isConfirmed);
  }

  /** Lets go of a namespace that may not be the member's any more, so that it joins anew in the one
   * that is. Peers are told, and as long as no other was found the old one is denied: it may be the
   * pod's all the same. */
  async lose(member: Member, foundAnother: boolean): Promise<void> {
    const { members, status } = this.#options;
    const { pod, netns, settings } = member;
    if (netns !== undefined && !foundAnother) {
      const why = 'no network namespace can be told to be its own';
      await this.#prover.deny(pod, netns, settings, why);
    }
    await this.#quietly(status.setRedirection(pod, 'pending'));
    members.set({ ...member, netns: undefined, file: undefined, joined: false });
  }

  /** For undoing and tidying, which must go on whatever fails. */
  async #quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#options.log.warn({ error: causeChain(error) }, 'a step of joining or leaving failed');
    }
  }
}
