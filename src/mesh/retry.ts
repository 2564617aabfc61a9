// Whether an attempt is to be repeated, by the conditions of VirtualService `retryOn` (features
// section 1.1.6).

import type { RetryBudget } from './destination.ts';
import type { Retries } from './route.ts';

/** How one attempt ended. `connect`: nothing was sent; `refused`: the endpoint processed nothing;
 * `reset`: it broke off before a response; `timeout`: the time for one try passed. */
export type AttemptOutcome =
  | { readonly kind: 'failure'; readonly stage: 'connect' | 'refused' | 'reset' | 'timeout' }
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly grpcStatus?: number;
      /** The answer says that a rate limit made it. */
      readonly rateLimited?: boolean;
    };

/** What applies where a route says nothing. */
export const defaultRetries: Retries = {
  attempts: 2,
  retryOn: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
};

/** Whether one more request may be retried, where so many are under way and so many of them in a retry
 * already. Without a budget any may. */
export function mayRetry(
  budget: RetryBudget | undefined,
  underWay: number,
  retrying: number,
): boolean {
  if (budget === undefined) return true;
  return retrying < Math.max(budget.minConcurrency, Math.floor((underWay * budget.percent) / 100));
}

const grpcConditions: Readonly<Record<string, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
};

/** The condition under which an attempt is repeated; undefined when none holds. */
export function retryCondition(retryOn: string, outcome: AttemptOutcome): string | undefined {
  return retryOn
    .split(',')
    .map((condition) => condition.trim())
    .find((condition) => holds(condition, outcome));
}

function holds(condition: string, outcome: AttemptOutcome): boolean {
  if (outcome.kind === 'failure') {
    const { stage } = outcome;
    switch (condition) {
      case '5xx':
        return true;
      case 'connect-failure':
        return stage === 'connect';
      case 'refused-stream':
        return stage === 'refused';
      case 'reset':
        return true;
      case 'reset-before-request':
        return stage === 'connect' || stage === 'refused';
      default:
        return false;
    }
  }
  const { status, grpcStatus, rateLimited } = outcome;
  // As in Envoy, an answer of a rate limit has a condition of its own, and no other.
  if (rateLimited === true) return condition === 'envoy-ratelimited';
  if (/^\d{3}$/.test(condition)) return status === Number(condition);
  switch (condition) {
    case '5xx':
      return status >= 500;
    case 'gateway-error':
      return status >= 502 && status <= 504;
    case 'retriable-4xx':
      return status === 409;
    default:
      return grpcStatus !== undefined && grpcConditions[condition] === grpcStatus;
  }
}
