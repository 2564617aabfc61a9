// Proves that a member's traffic is redirected, and repairs what is not. What cannot be repaired is
// denied: a pod in quarantine is a nuisance, one in plaintext without anybody's knowledge is worse.

import { listeningTcpPorts } from '../../linux/listeners.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { effectiveSettings, verifyRedirection } from '../redirect/apply.ts';
import { policyRoutingProblems } from '../redirect/policy-routing.ts';
import { imposeQuarantine, liftQuarantine } from '../redirect/quarantine.ts';
import type { RedirectSettings } from '../redirect/rules.ts';
import { leadsTo } from './found-namespace.ts';
import type { Member } from './members.ts';
import { type Problem, type ProblemKind, type ProofFacts, planRepairs } from './plan-repairs.ts';
import { ownsAddresses } from './pod-namespace.ts';
import { type PodStatus, quarantineAnnotation } from './pod-status.ts';

export interface ProverOptions {
  readonly status: PodStatus;
  readonly log: Logger;
  /** Installs rules and routing. @throws AmbitError AMB1304 */
  readonly redirect: (netns: NetworkNamespace, settings: RedirectSettings) => Promise<void>;
  /** Gives the pod to ztunnel once more, if one is there. */
  readonly handOver: (member: Member) => Promise<void>;
  readonly onProblem?: ((kind: ProblemKind) => void) | undefined;
  /** Hears how many pods are not proven. */
  readonly onUnproven?: ((pods: number) => void) | undefined;
}

/** Looks at one member at a time; its caller sees to that. */
export class Prover {
  readonly #options: ProverOptions;
  readonly #unproven = new Set<string>();
  readonly #quarantined = new Set<string>();

  constructor(options: ProverOptions) {
    this.#options = options;
  }

  /** Proves one member.
   * @param isConfirmed its namespace has just been found to be the pod's
   * @returns `moved` when it may not be any more */
  async prove(member: Member, isConfirmed = false): Promise<'proven' | 'unproven' | 'moved'> {
    const { pod, netns, settings, joined } = member;
    if (netns === undefined || !joined || pod.terminating) return 'unproven';
    const { problems, repairs } = planRepairs(await this.#look(member, netns, isConfirmed));
    for (const { kind } of problems) this.#options.onProblem?.(kind);
    if (repairs.includes('find-again')) {
      await this.#tell(member, problems, 'looking for its namespace');
      return 'moved';
    }
    if (repairs.includes('redirect')) {
      const repaired = await this.#repair(member, netns, settings, problems);
      if (!repaired) return 'unproven';
    }
    await this.#release(member, netns);
    if (repairs.includes('hand-over')) {
      await this.#tell(
        member,
        problems,
        'nothing is let past it; handing the pod to ztunnel again',
      );
      await this.#options.handOver(member);
      return 'unproven';
    }
    if (problems.some(({ kind }) => kind === 'namespace')) {
      await this.#tell(member, problems, 'its redirection is in place');
      return 'unproven';
    }
    this.#mark(pod.uid, true);
    return 'proven';
  }

  /** Denies a pod until it is proven. Never fails: what cannot be denied either is logged.
   * @param why a sentence part */
  async deny(
    pod: Member['pod'],
    netns: NetworkNamespace,
    settings: RedirectSettings,
    why: string,
  ): Promise<void> {
    const { log, status } = this.#options;
    this.#mark(pod.uid, false);
    const object = `Pod ${pod.namespace}/${pod.name}`;
    try {
      await imposeQuarantine(netns, settings.probeAddresses);
    } catch (cause) {
      const error = new AmbitError('AMB1316', why, { object, cause });
      log.error({ code: error.code, error: causeChain(error) }, 'pod not denied');
      await status.record(pod, { type: 'Warning', reason: 'MeshUnproven', message: error.message });
      return;
    }
    this.#quarantined.add(pod.uid);
    const error = new AmbitError('AMB1315', why, { object });
    log.error({ code: error.code, error: causeChain(error) }, 'pod in quarantine');
    const { message } = error;
    await status.record(pod, { type: 'Warning', reason: 'MeshQuarantined', message });
    await status.setQuarantine(pod, error.code).catch(() => undefined);
  }

  /** Whether a pod is in quarantine, imposed by this agent or one before it. */
  denies(pod: Member['pod']): boolean {
    return this.#quarantined.has(pod.uid) || pod.annotations.has(quarantineAnnotation);
  }

  /** Forgets a pod that left. */
  forget(uid: string): void {
    this.#quarantined.delete(uid);
    this.#mark(uid, true);
  }

  async #look(member: Member, netns: NetworkNamespace, isConfirmed: boolean): Promise<ProofFacts> {
    const { file, pod, settings } = member;
    const families = effectiveSettings(netns, settings).ipv6 ? ['ipv4', 'ipv6'] : ['ipv4'];
    const routing = async (): Promise<string[]> => {
      const found = families.map(
        async (family) => await policyRoutingProblems(family === 'ipv6' ? 'ipv6' : 'ipv4', netns),
      );
      return (await Promise.all(found)).flat();
    };
    return {
      rules: await this.#orUnknown(verifyRedirection(netns, settings)),
      routing: await this.#orUnknown(routing()),
      listening: listeningTcpPorts(netns),
      ownsAddresses: ownsAddresses(netns, pod.addresses),
      isNamed: file === undefined || leadsTo(file, netns),
      isConfirmed,
    };
  }

  async #orUnknown(work: Promise<string[]>): Promise<string[] | undefined> {
    try {
      return await work;
    } catch (error) {
      this.#options.log.warn({ error: causeChain(error) }, 'a pod cannot be looked at');
      return undefined;
    }
  }

  async #repair(
    member: Member,
    netns: NetworkNamespace,
    settings: RedirectSettings,
    problems: readonly Problem[],
  ): Promise<boolean> {
    try {
      await this.#options.redirect(netns, settings);
      const left = planRepairs(await this.#look(member, netns, true));
      if (left.repairs.includes('redirect')) throw new Error(wordsOf(left.problems));
    } catch (error) {
      const why = `${wordsOf(problems)}; putting it back failed: ${causeChain(error)}`;
      await this.deny(member.pod, netns, settings, why);
      return false;
    }
    await this.#tell(member, problems, 'rules and routing were put back');
    return true;
  }

  async #release(member: Member, netns: NetworkNamespace): Promise<void> {
    const { pod } = member;
    if (!this.denies(pod)) return;
    await liftQuarantine(netns);
    this.#quarantined.delete(pod.uid);
    await this.#options.status.setQuarantine(pod, undefined).catch(() => undefined);
    const message = 'its redirection is proven again';
    await this.#options.status.record(pod, {
      type: 'Normal',
      reason: 'MeshQuarantineLifted',
      message,
    });
  }

  async #tell(member: Member, problems: readonly Problem[], done: string): Promise<void> {
    const { pod } = member;
    this.#mark(pod.uid, false);
    const object = `Pod ${pod.namespace}/${pod.name}`;
    const error = new AmbitError('AMB1314', `${wordsOf(problems)}: ${done}`, { object });
    this.#options.log.warn({ code: error.code, error: causeChain(error) }, 'pod not proven');
    const { message } = error;
    await this.#options.status.record(pod, { type: 'Warning', reason: 'MeshUnproven', message });
  }

  #mark(uid: string, proven: boolean): void {
    if (proven) this.#unproven.delete(uid);
    else this.#unproven.add(uid);
    this.#options.onUnproven?.(this.#unproven.size);
  }
}

function wordsOf(problems: readonly Problem[]): string {
  return problems.map(({ what }) => what).join('; ');
}
