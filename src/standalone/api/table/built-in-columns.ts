// The columns of `kubectl get` for the built-in kinds.

import type { Column } from '../kinds/kind.ts';
import type { KindName } from '../store.ts';

const byKind: Readonly<Record<KindName, readonly Column[]>> = {};

/** The columns of a built-in kind. */
export function columnsOf(kind: KindName): readonly Column[] {
  return byKind[kind] ?? [];
}
