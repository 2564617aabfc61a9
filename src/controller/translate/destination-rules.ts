// DestinationRules: which one holds for a service, and what it says (features section 1.2).

import type { DestinationRules } from '../../mesh/destination.ts';
import type { DestinationRule, SubsetSpec } from '../kinds/networking.ts';
import { byAge, describeObject, selects } from '../kinds/object.ts';
import { type Beneath, resolvePolicies } from './destination-layers.ts';
import { exportsTo, hostCloseness, hostCovers, resolveHost } from './hostnames.ts';
import type { MeshOptions } from './mesh-options.ts';
import type { TrafficDefaults } from './traffic-defaults.ts';

/** A service, as far as rules depend on it. */
export interface RuledService {
  readonly hostname: string;
  readonly namespace: string;
  /** Its author prefers endpoints near the client. */
  readonly prefersPlace: boolean;
}

/** A waypoint, as far as rules depend on it. */
export interface RulingWaypoint {
  readonly namespace: string;
  /** Of its pods. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What holds for a service at a waypoint. */
export interface RuleChoice {
  /** Absent when neither an object nor the mesh says something. */
  readonly rules?: DestinationRules;
  /** The objects in force, merged. */
  readonly inForce: readonly DestinationRule[];
  /** Those of the same host and namespace that another is preferred to. */
  readonly lost: readonly DestinationRule[];
  /** Those of a host less close, or of a namespace further away. */
  readonly overridden: readonly DestinationRule[];
}

/** Rules that are merged: of one namespace and host, seen in the same places and by the same clients. The
 * oldest comes first. */
interface MergedRules {
  readonly host: string;
  readonly namespace: string;
  readonly exportTo: readonly string[];
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly objects: DestinationRule[];
}

interface NamespaceRules {
  readonly exact: Map<string, MergedRules[]>;
  /** Hosts with a star, the closest first. */
  readonly patterns: MergedRules[];
}

/** Finds the rules for services as one waypoint sees them: in the waypoint's own namespace, then in
 * the service's, then in the root namespace. */
export class DestinationRuleIndex {
  readonly #byNamespace = new Map<string, NamespaceRules>();
  readonly #mesh: MeshOptions;
  readonly #defaults: TrafficDefaults;
  /** Many services may be covered by one rule. */
  readonly #made = new Map<MergedRules | undefined, Map<boolean, DestinationRules | undefined>>();

  constructor(
    rules: readonly DestinationRule[],
    mesh: MeshOptions,
    defaults: TrafficDefaults = {},
  ) {
    this.#mesh = mesh;
    this.#defaults = defaults;
    const merged = new Map<string, MergedRules>();
    for (const rule of [...rules].sort(byAge)) this.#add(rule, merged);
    for (const { patterns } of this.#byNamespace.values()) {
      patterns.sort((left, right) => hostCloseness(right.host) - hostCloseness(left.host));
    }
  }

  /** What is said of a service at a waypoint. */
  choose(service: RuledService, waypoint: RulingWaypoint): RuleChoice {
    const candidates = this.#candidates(service, waypoint);
    const [first] = candidates;
    const closest = candidates.filter(
      ({ namespace, host }) => namespace === first?.namespace && host === first.host,
    );
    // A rule for these clients goes before one for all; otherwise the oldest wins.
    const winner = closest.find(({ selector }) => selector !== undefined) ?? first;
    const rules = this.#rulesOf(winner, service.prefersPlace);
    const lost = closest.filter((one) => one !== winner);
    const overridden = candidates.filter((one) => !closest.includes(one));
    return {
      ...(rules && { rules }),
      inForce: winner?.objects ?? [],
      lost: lost.flatMap(({ objects }) => objects),
      overridden: overridden.flatMap(({ objects }) => objects),
    };
  }

  #add(rule: DestinationRule, merged: Map<string, MergedRules>): void {
    const { namespace = '' } = rule.metadata;
    const host = resolveHost(rule.spec?.host ?? '', namespace, this.#mesh);
    const exportTo = visibleIn(rule, this.#defaults);
    const selector = rule.spec?.workloadSelector && (rule.spec.workloadSelector.matchLabels ?? {});
    const labels = Object.entries(selector ?? {}).sort(([left], [right]) =>
      left < right ? -1 : 1,
    );
    const key = JSON.stringify([namespace, host, exportTo, selector && labels]);
    const found = merged.get(key);
    if (found !== undefined) {
      found.objects.push(rule);
      return;
    }
    const made: MergedRules = { host, namespace, exportTo, selector, objects: [rule] };
    merged.set(key, made);
    const place: NamespaceRules = this.#byNamespace.get(namespace) ?? {
      exact: new Map(),
      patterns: [],
    };
    this.#byNamespace.set(namespace, place);
    if (host.startsWith('*')) place.patterns.push(made);
    else place.exact.set(host, [...(place.exact.get(host) ?? []), made]);
  }

  /** All that concern a service, the nearest namespace first, and there the closest host. */
  #candidates({ hostname, namespace }: RuledService, waypoint: RulingWaypoint): MergedRules[] {
    const { rootNamespace } = this.#mesh;
    const own = this.#covering(waypoint.namespace, hostname).filter(
      ({ exportTo, selector }) =>
        (selector === undefined || selects(selector, waypoint.labels)) &&
        // What the root namespace shares is for the whole mesh, not for its own proxies first.
        (waypoint.namespace !== rootNamespace || isPrivate(exportTo, rootNamespace)),
    );
    const shared = [...new Set([namespace, rootNamespace])].flatMap((place) =>
      this.#covering(place, hostname).filter(
        ({ exportTo, selector }) =>
          selector === undefined && exportsTo(exportTo, place, waypoint.namespace),
      ),
    );
    return [...new Set([...own, ...shared])];
  }

  #covering(namespace: string, hostname: string): MergedRules[] {
    const place = this.#byNamespace.get(namespace);
    return [
      ...(place?.exact.get(hostname) ?? []),
      ...(place?.patterns ?? []).filter(({ host }) => hostCovers(host, hostname)),
    ];
  }

  #rulesOf(merged: MergedRules | undefined, prefersPlace: boolean): DestinationRules | undefined {
    const made = this.#made.get(merged) ?? new Map<boolean, DestinationRules | undefined>();
    this.#made.set(merged, made);
    if (!made.has(prefersPlace)) {
      const beneath = { defaults: this.#defaults, prefersPlace };
      const rules = merged === undefined ? byMesh(beneath) : merge(merged.objects, beneath);
      made.set(prefersPlace, rules);
    }
    return made.get(prefersPlace);
  }
}

/** The namespaces that see a rule, in a form that can be compared. */
function visibleIn(rule: DestinationRule, defaults: TrafficDefaults): readonly string[] {
  const { exportTo = [], workloadSelector } = rule.spec ?? {};
  if (exportTo.length > 0) return exportTo.toSorted();
  if (workloadSelector !== undefined) return ['.'];
  return (defaults.defaultDestinationRuleExportTo ?? ['*']).toSorted();
}

function isPrivate(exportTo: readonly string[], namespace: string): boolean {
  return exportTo.every((entry) => entry === '.' || entry === namespace);
}

/** What the mesh's configuration says of services without a rule. */
function byMesh(beneath: Beneath): DestinationRules | undefined {
  const { policy } = resolvePolicies(undefined, undefined, beneath);
  return policy && { origin: 'MeshConfig', subsets: [], policy };
}

/** The first policy that says something holds for all; of subsets with one name, the first. */
function merge(objects: readonly DestinationRule[], beneath: Beneath): DestinationRules {
  const policies = objects.map(({ spec }) => spec?.trafficPolicy);
  const whole = policies.find((policy) => Object.keys(policy ?? {}).length > 0);
  const subsets = new Map<string, SubsetSpec>();
  for (const subset of objects.flatMap(({ spec }) => spec?.subsets ?? [])) {
    if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  return {
    origin: objects.map(describeObject).join(', '),
    subsets: [...subsets.values()].map(({ name, labels = {}, trafficPolicy }) => ({
      name,
      labels,
      ...resolvePolicies(whole, trafficPolicy, beneath),
    })),
    ...resolvePolicies(whole, undefined, beneath),
  };
}
