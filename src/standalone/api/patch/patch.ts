// The three kinds of patch that are worked out from the current object.

import type { Schema } from '../schema/schema.ts';
import { jsonPatched } from './json-patch.ts';
import { mergePatched } from './merge-patch.ts';
import { strategicallyPatched } from './strategic-merge-patch.ts';

const types: ReadonlySet<string> = new Set([
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]);

/** Whether a media type is that of a patch. */
export function isPatchType(type: string): boolean {
  return types.has(type);
}

/** The current value with a patch of a media type worked in. Throws StatusError. */
export function patchedBy(
  type: string,
  current: unknown,
  patch: unknown,
  schema: Schema | undefined,
): unknown {
  switch (type) {
    case 'application/json-patch+json':
      return jsonPatched(current, patch);
    case 'application/strategic-merge-patch+json':
      return strategicallyPatched(current, patch, schema);
    default:
      return mergePatched(current, patch);
  }
}
