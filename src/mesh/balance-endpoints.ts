// Which endpoint a request goes to, by the load-balancing rule of the service's DestinationRule on top
// of the choice by health, port and place.

import { chooseEndpoint, type EndpointChoice, type EndpointFacts } from './choose-endpoint.ts';
import type { SimpleBalancer } from './destination.ts';
import type { ServiceEndpoint } from './mesh-view.ts';
import type { Service } from './service.ts';

/** What the rule goes by. */
export interface BalanceFacts extends EndpointFacts {
  readonly rule: SimpleBalancer;
  /** How many requests were balanced before, for `ROUND_ROBIN`. */
  readonly turn: number;
  /** Requests under way at a workload, for `LEAST_REQUEST`. */
  readonly active: (uid: string) => number;
  /** Workloads to be avoided while there is another, as those that a retry has tried. */
  readonly avoid: ReadonlySet<string>;
}

/** Chooses. `LEAST_REQUEST` takes the less busy of two drawn endpoints. */
export function balanceEndpoints(
  service: Service,
  endpoints: readonly ServiceEndpoint[],
  facts: BalanceFacts,
): EndpointChoice {
  const { avoid } = facts;
  if (avoid.size > 0) {
    const fresh = endpoints.filter(({ workload }) => !avoid.has(workload.uid));
    const choice = balance(service, fresh, facts);
    if (choice.kind === 'chosen') return choice;
  }
  return balance(service, endpoints, facts);
}

function balance(
  service: Service,
  endpoints: readonly ServiceEndpoint[],
  facts: BalanceFacts,
): EndpointChoice {
  const drawn = chooseEndpoint(service, endpoints, facts);
  if (drawn.kind === 'none' || drawn.among <= 1) return drawn;
  switch (facts.rule) {
    case 'RANDOM':
    case 'PASSTHROUGH':
      return drawn;
    case 'ROUND_ROBIN': {
      // The middle of the turn's share of [0, 1) falls on each of equals in turn.
      const share = ((facts.turn % drawn.among) + 0.5) / drawn.among;
      return chooseEndpoint(service, endpoints, { ...facts, random: () => share });
    }
    case 'LEAST_REQUEST': {
      const other = chooseEndpoint(service, endpoints, facts);
      if (other.kind === 'none') return drawn;
      const { active } = facts;
      return active(other.workload.uid) < active(drawn.workload.uid) ? other : drawn;
    }
  }
}
