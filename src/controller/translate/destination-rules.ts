// DestinationRules: which one holds for a service, and what it says (features section 1.2).

import type { DestinationRules, SimpleBalancer, Subset } from '../../mesh/destination.ts';
import type { DestinationRule } from '../kinds/networking.ts';
import { byAge, describeObject } from '../kinds/object.ts';
import { exportsTo, hostCloseness, hostCovers, resolveHost } from './hostnames.ts';
import type { MeshOptions } from './mesh-options.ts';

/** Finds the rules for services as one waypoint sees them: in the waypoint's own namespace, then in
 * the service's, then in the root namespace. Rules of one namespace and host are merged, the oldest
 * first. */
export class DestinationRuleIndex {
  readonly #byNamespace = new Map<string, DestinationRule[]>();
  readonly #mesh: MeshOptions;

  constructor(rules: readonly DestinationRule[], mesh: MeshOptions) {
    this.#mesh = mesh;
    for (const rule of [...rules].sort(byAge)) {
      // A rule for some client workloads only does not concern a waypoint.
      if (rule.spec?.workloadSelector !== undefined) continue;
      const namespace = rule.metadata.namespace ?? '';
      const list = this.#byNamespace.get(namespace) ?? [];
      list.push(rule);
      this.#byNamespace.set(namespace, list);
    }
  }

  /** What is said of a service, if anything. */
  find(
    hostname: string,
    serviceNamespace: string,
    waypointNamespace: string,
  ): DestinationRules | undefined {
    const places = new Set([waypointNamespace, serviceNamespace, this.#mesh.rootNamespace]);
    for (const namespace of places) {
      const visible = (this.#byNamespace.get(namespace) ?? []).filter((rule) =>
        exportsTo(rule.spec?.exportTo, namespace, waypointNamespace),
      );
      const rules = closest(visible, hostname, namespace, this.#mesh);
      if (rules.length > 0) return merge(rules);
    }
    return undefined;
  }
}

function closest(
  rules: readonly DestinationRule[],
  hostname: string,
  namespace: string,
  mesh: MeshOptions,
): readonly DestinationRule[] {
  let best = -1;
  let chosen: DestinationRule[] = [];
  for (const rule of rules) {
    const host = resolveHost(rule.spec?.host ?? '', namespace, mesh);
    if (!hostCovers(host, hostname)) continue;
    const closeness = hostCloseness(host);
    if (closeness > best) chosen = [];
    if (closeness >= best) chosen.push(rule);
    best = Math.max(best, closeness);
  }
  return chosen;
}

function merge(rules: readonly DestinationRule[]): DestinationRules {
  const subsets = new Map<string, Subset>();
  for (const { name, labels } of rules.flatMap((rule) => rule.spec?.subsets ?? [])) {
    if (!subsets.has(name)) subsets.set(name, { name, labels: labels ?? {} });
  }
  const policy = rules.find((rule) => rule.spec?.trafficPolicy !== undefined)?.spec?.trafficPolicy;
  const budget = policy?.retryBudget;
  const loadBalancer = simpleBalancer(policy?.loadBalancer?.simple);
  return {
    origin: rules.map(describeObject).join(', '),
    subsets: [...subsets.values()],
    policy: {
      ...(loadBalancer && { loadBalancer: { simple: loadBalancer } }),
      ...(budget && {
        retryBudget: {
          percent: budget.percent ?? 20,
          minConcurrency: budget.minRetryConcurrency ?? 3,
        },
      }),
    },
  };
}

function simpleBalancer(simple: string | undefined): SimpleBalancer | undefined {
  switch (simple) {
    case 'ROUND_ROBIN':
    case 'LEAST_REQUEST':
    case 'RANDOM':
    case 'PASSTHROUGH':
      return simple;
    case 'LEAST_CONN':
      return 'LEAST_REQUEST';
    default:
      return undefined;
  }
}
