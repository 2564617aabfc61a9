// What a check finds.

import type { Code } from '../../mesh/catalogue.ts';

/** How bad it is, from good to bad: `ok` was looked at and found well. */
export const levels = ['ok', 'info', 'warning', 'error'] as const;

/** One finding. */
export interface CheckRow {
  readonly level: (typeof levels)[number];
  readonly code?: Code;
  /** What it is about: `Node a`, `CustomResourceDefinition b`, `Kubernetes`. */
  readonly object: string;
  readonly message: string;
}

/** Whether a row is at least so bad. */
export function isAtLeast(row: CheckRow, level: CheckRow['level']): boolean {
  return levels.indexOf(row.level) >= levels.indexOf(level);
}
