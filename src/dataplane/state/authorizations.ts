// Policies by resource name, and those that apply to a workload.

import type { Authorization } from '../../mesh/authorization.ts';
import type { ApplicablePolicies } from '../../mesh/mesh-view.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { ResourceBatch } from '../subscription-kind.ts';

/** The policy table. */
export class Authorizations {
  readonly #byName = new Map<string, Authorization>();

  all(): IterableIterator<Authorization> {
    return this.#byName.values();
  }

  apply({ updated, removed }: ResourceBatch<Authorization>): void {
    for (const name of removed) this.#byName.delete(name);
    for (const [name, policy] of updated) this.#byName.set(name, policy);
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
      const policy = this.#byName.get(name);
      if (policy === undefined) missing.push(name);
      else if (!policies.includes(policy)) policies.push(policy);
    }
    return { policies, missing };
  }
}
