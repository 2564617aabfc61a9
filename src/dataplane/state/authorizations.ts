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
  /** Those of mesh and namespace, by namespace; made when first asked for after a change. */
  readonly #scoped = new Map<string, readonly Authorization[]>();

  all(): IterableIterator<Authorization> {
    return this.#byName.values();
  }

  apply({ updated, removed }: ResourceBatch<Authorization>): void {
    this.#scoped.clear();
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
    const scoped = this.#ofNamespace(workload.namespace);
    if (workload.authorizationPolicies.length === 0) return { policies: scoped, missing: [] };
    const policies = new Set(scoped);
    const missing: string[] = [];
    for (const name of workload.authorizationPolicies) {
      const policy = this.#byName.get(name) ?? this.#leaving.get(name);
      if (policy === undefined) missing.push(name);
      else policies.add(policy);
    }
    return { policies: [...policies], missing };
  }

  #ofNamespace(wanted: string): readonly Authorization[] {
    const known = this.#scoped.get(wanted);
    if (known !== undefined) return known;
    const policies = [...this.#byName.values()].filter(
      ({ scope, namespace }) =>
        scope === 'global' || (scope === 'namespace' && namespace === wanted),
    );
    this.#scoped.set(wanted, policies);
    return policies;
  }
}
