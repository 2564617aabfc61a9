// The shared definitions of the built-in kinds, by their short names.

import type { Schema } from './schema.ts';

/** A definition by its short name, such as `ObjectMeta`. */
export function definition(name: string): Schema {
  return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, title: name };
}
