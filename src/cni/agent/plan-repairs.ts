// What the agent sees of an enrolled pod, and what has to be done about it. Pure.

import { proxyPorts } from '../redirect/rules.ts';

/** What was seen of one pod at one moment. */
export interface ProofFacts {
  /** What differs in the rules, as sentence parts; undefined when they could not be read. */
  readonly rules: readonly string[] | undefined;
  /** What differs in the policy routing; undefined when it could not be read. */
  readonly routing: readonly string[] | undefined;
  /** TCP ports with a listener in the pod. */
  readonly listening: ReadonlySet<number>;
  /** Whether the namespace owns all addresses of the pod. */
  readonly ownsAddresses: boolean;
  /** Whether it is the namespace that the pod's file leads to. */
  readonly isNamed: boolean;
  /** Whether the search for the pod's namespace has just found this one. */
  readonly isConfirmed: boolean;
}

export type ProblemKind = 'rules' | 'routing' | 'listeners' | 'namespace';
export interface Problem {
  readonly kind: ProblemKind;
  /** A sentence part. */
  readonly what: string;
}

/** `redirect`: install rules and routing again; `hand-over`: give the pod to ztunnel again;
 * `find-again`: look for the pod's namespace. */
export type Repair = 'redirect' | 'hand-over' | 'find-again';

/** What is wrong, and what to do about it. */
export interface RepairPlan {
  readonly problems: readonly Problem[];
  readonly repairs: readonly Repair[];
}

const needed = [proxyPorts.outbound, proxyPorts.inbound, proxyPorts.tunnel] as const;

/** Plans. A namespace that may not be the pod's is not touched any more: nothing else is asked of it. */
export function planRepairs(facts: ProofFacts): RepairPlan {
  const problems: Problem[] = [];
  if (!facts.ownsAddresses) {
    const what = 'its network namespace does not own its addresses any more';
    problems.push({ kind: 'namespace', what });
  } else if (!facts.isNamed && !facts.isConfirmed) {
    const what = 'its network namespace may have been replaced by another';
    problems.push({ kind: 'namespace', what });
  }
  if (problems.length > 0 && !facts.isConfirmed) return { problems, repairs: ['find-again'] };
  for (const kind of ['rules', 'routing'] as const) {
    const found = facts[kind] ?? [`its ${kind} cannot be read`];
    if (found.length > 0) problems.push({ kind, what: found.join('; ') });
  }
  const broken = problems.some(({ kind }) => kind !== 'namespace');
  const repairs: Repair[] = broken ? ['redirect'] : [];
  const missing = needed.filter((port) => !facts.listening.has(port));
  if (missing.length > 0) {
    const what = `ztunnel does not listen in it on ${missing.join(', ')}`;
    problems.push({ kind: 'listeners', what });
    repairs.push('hand-over');
  }
  return { problems, repairs };
}
