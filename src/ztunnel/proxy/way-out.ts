// Finds the way on for a connection that leaves a pod: plans, tries, and where the next hop fails, plans
// again without it. Until an attempt has succeeded no byte of the application's has been forwarded,
// so trying again can not repeat anything.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import type { Verdict } from '../../mesh/decision.ts';
import { type OutboundPlan, planOutbound } from '../../mesh/plan-outbound.ts';
import { type Attempt, attempt, type Caller, type PassingPlan } from './onward.ts';
import type { PodContext, ProxyParts } from './proxy-parts.ts';

/** Attempts for one connection, the first included. */
const maxAttempts = 3;
/** Of those to a pod or address itself, where only news of the controller's give another plan. */
const maxAttemptsToWorkload = 2;

/** The way found, or why there is none. */
export type WayOut =
  | {
      readonly kind: 'open';
      readonly plan: PassingPlan;
      readonly stream: ByteStream;
      readonly reason: string;
      /** The endpoint's share of the load, to be given back at the end. */
      readonly held: Disposable | undefined;
    }
  | { readonly kind: 'failed'; readonly plan: PassingPlan; readonly verdict: Verdict }
  | { readonly kind: 'denied'; readonly plan: Extract<OutboundPlan, { kind: 'deny' }> };

/** Plans and tries. Rejects only for what is no failure of a connection. */
export async function findWayOut(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  destination: Endpoint,
): Promise<WayOut> {
  const { state, network, random, load } = parts;
  const tried = new Set<string>();
  const makePlan = (): OutboundPlan =>
    planOutbound(state, {
      source: caller.workload,
      destination,
      network,
      random,
      tried,
      openTo: load.of,
    });
  const first = makePlan();
  if (first.kind === 'deny') return { kind: 'denied', plan: first };
  let plan: PassingPlan = first;
  const failures: string[] = [];
  for (;;) {
    const held = plan.workload && load.hold(plan.workload.uid);
    const outcome = await attempt(parts, context, caller, plan);
    if (outcome.kind === 'open') {
      return { kind: 'open', plan, stream: outcome.stream, reason: told(plan.reason), held };
    }
    held?.[Symbol.dispose]();
    if (plan.workload !== undefined) tried.add(plan.workload.uid);
    const next = outcome.hopFailed ? makePlan() : plan;
    if (next.kind === 'deny' || !isWorthTrying(next, plan, failures.length + 1)) {
      const { verdict } = outcome;
      return { kind: 'failed', plan, verdict: { ...verdict, reason: told(verdict.reason) } };
    }
    failures.push(inWords(plan, outcome));
    plan = next;
  }

  function told(reason: string): string {
    return [reason, ...failures].join('; before that, ');
  }
}

function isWorthTrying(next: PassingPlan, before: PassingPlan, attempts: number): boolean {
  if (attempts >= (next.service === undefined ? maxAttemptsToWorkload : maxAttempts)) return false;
  return placeOf(next) !== placeOf(before);
}

/** What distinguishes one attempt from another. */
function placeOf(plan: PassingPlan): string {
  return `${plan.kind} ${formatEndpoint(plan.peer)} ${plan.kind === 'plain' ? '' : plan.authority}`;
}

function inWords(plan: PassingPlan, { verdict }: Extract<Attempt, { kind: 'failed' }>): string {
  const name = plan.workload === undefined ? formatEndpoint(plan.peer) : plan.workload.name;
  return `${name} failed with ${verdict.code ?? 'no code'} (${verdict.reason})`;
}
