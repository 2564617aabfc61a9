// Feeds a proxy's state as the configuration stream would.

import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import type { Authorization } from '../../src/mesh/authorization.ts';
import type { Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { type MeshAddress, nameOfAddress } from '../../src/wire/address.ts';
import { nameOfAuthorization } from '../../src/wire/authorization.ts';

/** What the controller would send. */
export interface Published {
  readonly workloads?: readonly Workload[];
  readonly services?: readonly Service[];
  readonly policies?: readonly Authorization[];
  /** Names of workloads and services. */
  readonly removed?: readonly string[];
  readonly removedPolicies?: readonly string[];
}

/** Applies a change. */
export function publish(state: MeshState, change: Published): void {
  const { workloads = [], services = [], removed = [] } = change;
  const addresses: readonly MeshAddress[] = [
    ...workloads.map((workload) => ({ kind: 'workload', workload }) as const),
    ...services.map((service) => ({ kind: 'service', service }) as const),
  ];
  if (addresses.length + removed.length > 0) {
    const updated = new Map(addresses.map((address) => [nameOfAddress(address), address]));
    state.applyAddresses({ updated, removed });
  }
  const { policies = [], removedPolicies = [] } = change;
  if (policies.length + removedPolicies.length > 0) {
    const updated = new Map(policies.map((policy) => [nameOfAuthorization(policy), policy]));
    state.applyAuthorizations({ updated, removed: removedPolicies });
  }
}

/** A state that holds what is given. */
export function stateOf(workloads: readonly Workload[], services: readonly Service[]): MeshState {
  const state = new MeshState();
  publish(state, { workloads, services });
  return state;
}
