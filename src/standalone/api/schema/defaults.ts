// Fills in the defaults that a schema declares.

import { copyJson, isRecord } from '../json.ts';
import type { Schema } from './schema.ts';

/** Sets missing members to their defaults, in place and at every depth. */
export function applyDefaults(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) applyDefaults(item, schema.items);
    return;
  }
  if (!isRecord(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const member = value[name];
    if (
      property.default !== undefined &&
      (member === undefined || isForbiddenNull(member, property))
    )
      value[name] = copyJson(property.default);
    applyDefaults(value[name], property);
  }
  if (isRecord(schema.additionalProperties)) {
    for (const member of Object.values(value)) applyDefaults(member, schema.additionalProperties);
  }
}

function isForbiddenNull(member: unknown, schema: Schema): boolean {
  return member === null && schema.nullable !== true;
}
