// Finds the way on for a connection that leaves a pod: plans, tries, and where the next hop fails, plans
// again without it. Until an attempt has succeeded no byte of the application's has been forwarded,
// so trying again can not repeat anything.

import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { Verdict } from '../../mesh/decision.ts';
import { type OutboundPlan, type PassingPlan, planOutbound } from '../../mesh/plan-outbound.ts';
import type { Service } from '../../mesh/service.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import { needDestination } from './need-destination.ts';
import { type Attempt, attempt, type Caller } from './onward.ts';
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
      readonly opened: Extract<Attempt, { kind: 'open' }>;
      readonly reason: string;
      /** The endpoint's share of the load, to be given back at the end. */
      readonly held: Disposable | undefined;
    }
  | { readonly kind: 'failed'; readonly plan: PassingPlan; readonly verdict: Verdict }
  /** It was not even known where to try. */
  | { readonly kind: 'nowhere'; readonly service?: Service; readonly verdict: Verdict };

/** Plans and tries. Rejects only for what is no failure of a connection. */
export async function findWayOut(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  destination: Endpoint,
): Promise<WayOut> {
  const { state, network, random, load } = parts;
  if (!(await needDestination(parts, context, caller.workload, destination))) {
    const reason = 'the controller has not told in time what the destination is';
    return { kind: 'nowhere', verdict: { outcome: 'failed', code: 'AMB1424', reason } };
  }
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
  const failures: string[] = [];
  const told = (reason: string): string => [reason, ...failures].join('; before that, ');
  let plan = makePlan();
  if (plan.kind === 'deny') return denied(plan);
  for (;;) {
    const held = plan.workload && load.hold(plan.workload.uid);
    const trial = await tryOut(parts, context, caller, plan);
    if (trial.kind === 'open') {
      return { ...trial, reason: told(trial.plan.reason), held };
    }
    held?.[Symbol.dispose]();
    if (plan.workload !== undefined) tried.add(plan.workload.uid);
    const { failure } = trial;
    const next: OutboundPlan = failure.hopFailed ? makePlan() : plan;
    if (next.kind === 'deny' || !isWorthTrying(next, plan, failures.length + 1)) {
      const verdict = { ...failure.verdict, reason: told(failure.verdict.reason) };
      if (trial.plan !== undefined) return { kind: 'failed', plan: trial.plan, verdict };
      return { kind: 'nowhere', verdict, ...(plan.service && { service: plan.service }) };
    }
    failures.push(inWords(plan, failure));
    plan = next;
  }
}

type Open = Exclude<OutboundPlan, { kind: 'deny' }>;

type Failure = Extract<Attempt, { kind: 'failed' }>;

/** One attempt, and the plan as it was tried; none when the name of the next hop gave no address. */
async function tryOut(
  parts: ProxyParts,
  context: PodContext,
  caller: Caller,
  open: Open,
): Promise<
  | {
      readonly kind: 'open';
      readonly plan: PassingPlan;
      readonly opened: Extract<Attempt, { kind: 'open' }>;
    }
  | { readonly kind: 'failed'; readonly plan?: PassingPlan; readonly failure: Failure }
> {
  try {
    const plan =
      open.kind === 'unresolved'
        ? open.at(await parts.hosts.addressOf(open.hostname, caller))
        : open;
    const outcome = await attempt(parts, context, caller, plan);
    if (outcome.kind === 'open') return { kind: 'open', plan, opened: outcome };
    return { kind: 'failed', plan, failure: outcome };
  } catch (error) {
    if (!(error instanceof AmbitError)) throw error;
    const verdict = { outcome: 'failed', code: error.code, reason: causeChain(error) } as const;
    return { kind: 'failed', failure: { kind: 'failed', verdict, hopFailed: true } };
  }
}

/** The mesh's own ports, and what is not registered: nothing has failed there. */
const denials: readonly Code[] = ['AMB1408', 'AMB1431'];

function denied({ code, reason, service }: Extract<OutboundPlan, { kind: 'deny' }>): WayOut {
  const outcome = denials.includes(code) ? 'denied' : 'failed';
  return { kind: 'nowhere', verdict: { outcome, code, reason }, ...(service && { service }) };
}

function isWorthTrying(next: Open, before: Open, attempts: number): boolean {
  if (attempts >= (next.service === undefined ? maxAttemptsToWorkload : maxAttempts)) return false;
  return placeOf(next) !== placeOf(before);
}

/** What distinguishes one attempt from another. */
function placeOf(plan: Open): string {
  if (plan.kind === 'unresolved') return plan.hostname;
  return `${plan.kind} ${formatEndpoint(plan.peer)} ${plan.kind === 'plain' ? '' : plan.authority}`;
}

function inWords(plan: Open, { verdict }: Failure): string {
  const place = plan.kind === 'unresolved' ? plan.hostname : formatEndpoint(plan.peer);
  const name = plan.workload?.name ?? place;
  return `${name} failed with ${verdict.code ?? 'no code'} (${verdict.reason})`;
}
