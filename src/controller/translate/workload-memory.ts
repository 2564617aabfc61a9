// Keeps the workload that was made of each pod, so that a change elsewhere does not make thousands of
// equal ones anew. A kept workload is the very same object, which spares its encoding too. For that,
// what workloads are made from is kept here as well.

import type { ServiceKey, Workload } from '../../mesh/workload.ts';
import type { Pod, ServiceObject } from '../kinds/core.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import type { ServiceEntry } from '../kinds/service-entry.ts';
import { type EndpointRule, ruleOfHost, ruleOfService } from './endpoint-rules.ts';
import type { MeshOptions } from './mesh-options.ts';
import { MeshConfigVersions } from './settle-mesh-config.ts';
import { translatePod, type WorkloadSurroundings } from './workloads.ts';

interface Kept {
  readonly surroundings: WorkloadSurroundings;
  readonly mesh: MeshOptions;
  readonly workload: Workload;
}

/** Translates pods, each version once per surroundings. Versions that are gone are forgotten with
 * their objects. */
export class WorkloadMemory {
  readonly meshConfig = new MeshConfigVersions();
  readonly #kept = new WeakMap<Pod, Kept>();
  readonly #rules = new WeakMap<KubernetesObject, Map<ServiceKey, EndpointRule>>();
  #located: { readonly base: MeshOptions; readonly located: MeshOptions } | undefined;
  #byNamespace: ReadonlyMap<string, readonly EndpointRule[]> = new Map();

  /** A mesh's options on a network: the very same object while they do not change. */
  on(network: string, mesh: MeshOptions): MeshOptions {
    if (network === mesh.network) return mesh;
    const { base, located } = this.#located ?? {};
    if (base === mesh && located?.network === network) return located;
    this.#located = { base: mesh, located: { ...mesh, network } };
    return this.#located.located;
  }

  /** The rule of a Service. */
  ruleOfService(object: ServiceObject, mesh: MeshOptions): EndpointRule {
    const [known] = this.#rules.get(object)?.values() ?? [];
    return known ?? this.#keep(object, ruleOfService(object, mesh));
  }

  /** The rule of one host of a ServiceEntry. */
  ruleOfHost(object: ServiceEntry, key: ServiceKey): EndpointRule {
    return this.#rules.get(object)?.get(key) ?? this.#keep(object, ruleOfHost(object, key));
  }

  #keep(object: KubernetesObject, rule: EndpointRule): EndpointRule {
    const rules = this.#rules.get(object) ?? new Map<ServiceKey, EndpointRule>();
    this.#rules.set(object, rules.set(rule.key, rule));
    return rule;
  }

  /** Rules by namespace and by service. A namespace whose rules are as before has the very same list. */
  rules(all: readonly EndpointRule[]): {
    readonly rules: ReadonlyMap<string, readonly EndpointRule[]>;
    readonly rulesByKey: ReadonlyMap<ServiceKey, EndpointRule>;
  } {
    const lists = Map.groupBy(all, ({ key }) => key.slice(0, key.indexOf('/')));
    const byNamespace = new Map<string, readonly EndpointRule[]>();
    for (const [namespace, list] of lists) {
      const before = this.#byNamespace.get(namespace);
      byNamespace.set(namespace, before && sameItems(before, list) ? before : list);
    }
    this.#byNamespace = byNamespace;
    return { rules: byNamespace, rulesByKey: new Map(all.map((rule) => [rule.key, rule])) };
  }

  translate(pod: Pod, surroundings: WorkloadSurroundings, mesh: MeshOptions): Workload {
    const kept = this.#kept.get(pod);
    if (kept !== undefined && kept.mesh === mesh && equal(kept.surroundings, surroundings)) {
      return kept.workload;
    }
    const workload = translatePod(pod, surroundings, mesh);
    this.#kept.set(pod, { surroundings, mesh, workload });
    return workload;
  }
}

function equal(left: WorkloadSurroundings, right: WorkloadSurroundings): boolean {
  return (
    left.node === right.node &&
    sameItems(left.rules, right.rules) &&
    sameItems(left.alsoIn, right.alsoIn) &&
    left.onlyRegistered === right.onlyRegistered &&
    sameItems(left.authorizationPolicies, right.authorizationPolicies) &&
    JSON.stringify(left.way) === JSON.stringify(right.way) &&
    JSON.stringify(left.networkGateway) === JSON.stringify(right.networkGateway)
  );
}

function sameItems(left: readonly unknown[], right: readonly unknown[]): boolean {
  if (left === right) return true;
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
