// Finds the way on for a connection that leaves a pod: plans, tries, and where the next hop fails, plans
// again without it. Until an attempt has succeeded no byte of the application's has been forwarded,
// so trying again can not repeat anything.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import type { Verdict } from '../../mesh/decision.ts';
import { type OutboundPlan, planOutbound } from '../../mesh/plan-outbound.ts';
import type { Workload } from '../../mesh/workload.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
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
  const { load } = parts;
  const tried = new Set<string>();
  const makePlan = (): Promise<ResolvedPlan> =>
    planResolved(parts, context, { source: caller.workload, destination, tried });
  const first = await makePlan();
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
    const next = outcome.hopFailed ? await makePlan() : plan;
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

type ResolvedPlan = Exclude<OutboundPlan, { kind: 'resolve' }>;

/** Plans until no host name has to be resolved. An endpoint whose name has no address counts as tried. */
async function planResolved(
  { state, network, random, load, hosts }: ProxyParts,
  context: PodContext,
  story: { source: Workload; destination: Endpoint; tried: Set<string> },
): Promise<ResolvedPlan> {
  let unresolved: AmbitError | undefined;
  for (;;) {
    const plan = planOutbound(state, {
      ...story,
      network,
      random,
      openTo: load.of,
      addressesOf: (hostname) => hosts.known(hostname),
    });
    if (plan.kind === 'deny' && unresolved !== undefined) {
      const { code } = unresolved;
      return { ...plan, code, reason: `${plan.reason}: ${causeChain(unresolved)}` };
    }
    if (plan.kind !== 'resolve') return plan;
    try {
      await hosts.resolve(plan.hostname, context.end);
    } catch (error) {
      if (!(error instanceof AmbitError)) throw error;
      unresolved = error;
      story.tried.add(plan.workload.uid);
    }
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
