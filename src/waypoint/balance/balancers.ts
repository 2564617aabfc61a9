// The endpoints of all destinations of a waypoint, ready for choosing: filtered by subset, grouped by place
// and with the tables of their rule. Worked out again only when something they were made from has changed.

import { hasLabels } from '../../mesh/choose-backend.ts';
import { type Candidates, candidatesFor, strictly } from '../../mesh/choose-endpoint.ts';
import type { LoadBalancer } from '../../mesh/destination.ts';
import { groupByPlace, type Placed } from '../../mesh/group-by-place.ts';
import type { ServiceEndpoint } from '../../mesh/mesh-view.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import { warmthOf } from '../../mesh/warm-up.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ServiceTable } from '../state/service-table.ts';
import { declaredUid, type WaypointMeshView } from '../upstream/endpoints.ts';
import { EndpointSet } from './endpoint-set.ts';

/** For which endpoints of which service, and by which rule. */
export interface BalancedDestination {
  readonly service: Service;
  /** The service's port. */
  readonly port: number;
  /** Empty for all endpoints. */
  readonly subset: string;
  /** Of the endpoints of the subset. */
  readonly labels: Readonly<Record<string, string>>;
  readonly balancer: LoadBalancer | undefined;
}

/** What is known of the mesh. */
export interface BalancingView {
  readonly mesh: Pick<WaypointMeshView, 'endpointsOf'>;
  readonly table: Pick<ServiceTable, 'labelsOf' | 'labelsVersion'>;
}

/** Endpoints to choose from, or why there are none. */
export type BalancedEndpoints =
  | { readonly kind: 'some'; readonly set: EndpointSet }
  | Extract<Candidates, { kind: 'none' }>;

export interface BalancersOptions {
  readonly network: string;
  readonly clock: Clock;
  /** The waypoint's own workload, for what is near to it. */
  readonly own: () => Workload | undefined;
  /** When a workload came, by the monotonic clock; undefined for those that always were there. */
  readonly arrivedAt: (uid: string) => number | undefined;
}

/** What one destination was worked out from, and the result. */
interface Held {
  readonly destination: BalancedDestination;
  readonly endpoints: readonly ServiceEndpoint[];
  readonly labelsVersion: number;
  readonly own: Workload | undefined;
  readonly members: readonly ServiceEndpoint[];
  readonly uids: readonly string[];
  readonly result: BalancedEndpoints;
}

/** Destinations that are kept; beyond it, the one that was worked out first is forgotten. */
const maxHeld = 4_096;

export class Balancers {
  readonly #options: BalancersOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: BalancersOptions) {
    this.#options = options;
  }

  /** The endpoints of a destination, to choose from. */
  at(destination: BalancedDestination, view: BalancingView): BalancedEndpoints {
    return this.#current(destination, view).result;
  }

  /** The workloads of all endpoints, healthy or not; the same list while nothing has changed. */
  uids(destination: BalancedDestination, view: BalancingView): readonly string[] {
    return this.#current(destination, view).uids;
  }

  #current(destination: BalancedDestination, view: BalancingView): Held {
    const { service, subset, port } = destination;
    const key = keyOfService(service);
    const name = `${key} ${subset} ${port}`;
    const before = this.#held.get(name);
    const endpoints = view.mesh.endpointsOf(key);
    const own = this.#options.own();
    const { labelsVersion } = view.table;
    if (
      before !== undefined &&
      before.endpoints === endpoints &&
      before.labelsVersion === labelsVersion &&
      before.own === own &&
      before.destination.service === service &&
      before.destination.labels === destination.labels &&
      before.destination.balancer === destination.balancer
    ) {
      return before;
    }
    const held = this.#work(destination, { endpoints, labelsVersion, own }, view, before);
    this.#held.delete(name);
    const [oldest] = this.#held.keys();
    if (this.#held.size >= maxHeld && oldest !== undefined) this.#held.delete(oldest);
    this.#held.set(name, held);
    return held;
  }

  #work(
    destination: BalancedDestination,
    sources: Pick<Held, 'endpoints' | 'labelsVersion' | 'own'>,
    { table }: BalancingView,
    before: Held | undefined,
  ): Held {
    const { labels } = destination;
    // In an order of their own, so that turns go on when one of them is told anew.
    const members = sources.endpoints
      .filter(({ workload }) => hasLabels(table.labelsOf(workload.uid), labels))
      .sort((one, other) => (one.workload.uid < other.workload.uid ? -1 : 1));
    const uids = members.map(({ workload }) => workload.uid);
    const result = this.#result(destination, members, sources.own, table);
    if (result.kind === 'some' && before?.result.kind === 'some') {
      if (isAlike(before.destination, destination)) result.set.adopt(before.result.set);
    }
    return { destination, ...sources, members, uids, result };
  }

  #result(
    { service, port, balancer = {} }: BalancedDestination,
    members: readonly ServiceEndpoint[],
    own: Workload | undefined,
    table: BalancingView['table'],
  ): BalancedEndpoints {
    const { network } = this.#options;
    const source = own && { source: own };
    const usable = candidatesFor(service, members, { network, port, ...source });
    if (usable.kind === 'none') return usable;
    const found = strictly(service, usable.candidates, { network, ...source });
    if (found.kind === 'none') return found;
    const placed = (workload: Workload): Placed => ({
      workload,
      labels: table.labelsOf(workload.uid),
    });
    const { mode, routingPreference } = service.loadBalancing ?? {};
    const isPreferred = mode === 'failover' && balancer.ignoresPlace !== true;
    const places = groupByPlace(
      found.candidates.map(({ workload }) => placed(workload)),
      own && placed(own),
      {
        ...(balancer.locality && { locality: balancer.locality }),
        ...(isPreferred && routingPreference && { preference: routingPreference }),
      },
    );
    if (places.groups.length === 0) {
      const { namespace, hostname } = service;
      const reason = `no endpoint of ${namespace}/${hostname} is in a place that its distribution names`;
      return { kind: 'none', code: 'AMB1730', reason };
    }
    const { warmup } = balancer;
    const warmth = (uid: string): number => {
      if (warmup === undefined) return 1;
      const { arrivedAt, clock } = this.#options;
      const since = arrivedAt(declaredUid(uid));
      return since === undefined ? 1 : warmthOf(clock.monotonic() - since, warmup);
    };
    return { kind: 'some', set: new EndpointSet(found.candidates, places, balancer, warmth) };
  }
}

/** Whether the same rule was in force. */
function isAlike(before: BalancedDestination, now: BalancedDestination): boolean {
  return (
    before.balancer === now.balancer ||
    JSON.stringify(before.balancer) === JSON.stringify(now.balancer)
  );
}
