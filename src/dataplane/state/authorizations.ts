// Policies by resource name, and those that apply to a workload.

import type { Authorization } from '../../mesh/authorization.ts';
import type { ApplicablePolicies } from '../../mesh/mesh-view.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { ResourceBatch } from '../subscription-kind.ts';

/** The policy table. A policy that is removed while workloads still refer to it stays in force for them:
 * the removal and the workloads' new references come in two messages, in either order, and in between
 * nothing must be denied for want of it. */
export class Authorizations {
  readonly #byName = new Map<string, Authorization>();
  readonly #leaving = new Map<string, Authorization>();

  all(): IterableIterator<Authorization> {
    return this.#byName.values();
  }

  apply({ updated, removed }: ResourceBatch<Authorization>): void {
    for (const name of removed) {
      const policy = this.#byName.get(name);
      if (policy?.scope === 'workload') this.#leaving.set(name, policy);
      this.#byName.delete(name);
    }
    for (const [name, policy] of updated) {
      this.#byName.set(name, policy);
      this.#leaving.delete(name);
    }
  }

  /** Forgets removed policies that no workload refers to any more. */
  forgetUnused(workloads: Iterable<Workload>): void {
    if (this.#leaving.size === 0) return;
    const used = new Set<string>();
    for (const { authorizationPolicies } of workloads) {
      for (const name of authorizationPolicies) used.add(name);
    }
    for (const name of this.#leaving.keys()) if (!used.has(name)) this.#leaving.delete(name);
  }

  /** Those of the mesh, of the workload's namespace, and those that the workload refers to. */
  of(workload: Workload): ApplicablePolicies {
    const policies: Authorization[] = [];
    for (const policy of this.#byName.values()) {
      const { scope, namespace } = policy;
      if (scope === 'global' || (scope === 'namespace' && namespace === workload.namespace)) {
        policies.push(policy);
      }
    }
    const missing: string[] = [];
    for (const name of workload.authorizationPolicies) {
      const policy = this.#byName.get(name) ?? this.#leaving.get(name);
      if (policy === undefined) missing.push(name);
      else if (!policies.includes(policy)) policies.push(policy);
    }
    return { policies, missing };
  }
}
