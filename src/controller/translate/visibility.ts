// Who sees the hosts of a namespace's ServiceEntries, as the mesh's administrators decide (features
// section 1.4.6).

import type { Namespace } from '../kinds/core.ts';
import { type LabelRequirement, matchesLabels } from './label-selector.ts';

export type EntryVisibility = 'public' | 'namespace' | 'none';

/** `meshConfig.serviceEntryVisibility`. */
export interface VisibilityRules {
  readonly defaultVisibility: EntryVisibility;
  readonly policies: readonly {
    readonly visibility: EntryVisibility;
    /** All must select the namespace. */
    readonly selectors: readonly LabelRequirement[];
  }[];
}

/** The visibility of the entries of a namespace: the first policy whose rules all match decides. */
export function visibilityIn(
  namespace: Namespace | undefined,
  rules: VisibilityRules | undefined,
): EntryVisibility {
  if (rules === undefined) return 'public';
  const name = namespace?.metadata.name;
  const labels = {
    ...(name !== undefined && { 'kubernetes.io/metadata.name': name }),
    ...namespace?.metadata.labels,
  };
  const found = rules.policies.find(({ selectors }) =>
    selectors.every((selector) => matchesLabels(selector, labels)),
  );
  return found?.visibility ?? rules.defaultVisibility;
}
