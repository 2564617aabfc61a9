// Which objects belong to an owner: those that say so and match its selector. What matches and has no
// owner is adopted, what no longer matches is released.

import { selectorMatches } from '../api/selectors/label-selector.ts';
import type { ApiObject } from '../api/store.ts';
import type { Action } from './actions.ts';
import { controllerOf, isDeleted, type LabelSelector, ownedBy } from './workload-objects.ts';

/** What is whose. */
export interface Claim<T> {
  readonly owned: readonly T[];
  /** Adoptions and releases; the adopted ones are among `owned` already. */
  readonly actions: readonly Action[];
}

/** Divides the objects of the owner's namespace. */
export function claimObjects<T extends ApiObject>(
  owner: ApiObject,
  selector: LabelSelector | undefined,
  candidates: readonly T[],
): Claim<T> {
  const owned: T[] = [];
  const actions: Action[] = [];
  for (const object of candidates) {
    const matches =
      selector !== undefined && selectorMatches(selector, object.metadata.labels ?? {});
    const controller = controllerOf(object);
    const references = object.metadata.ownerReferences ?? [];
    if (controller?.uid === owner.metadata.uid) {
      if (matches) owned.push(object);
      else if (!isDeleted(object)) {
        const ownerReferences = references.filter(({ uid }) => uid !== owner.metadata.uid);
        actions.push(change(object, { ownerReferences }, 'its labels no longer match'));
      }
    } else if (matches && controller === undefined && !isDeleted(object)) {
      const ownerReferences = [...references, ownedBy(owner)];
      owned.push(object);
      actions.push(change(object, { ownerReferences }, 'it matches and has no owner'));
    }
  }
  return { owned, actions };
}

function change(target: ApiObject, metadata: object, reason: string): Action {
  return { kind: 'patch', target, patch: { metadata }, reason };
}
