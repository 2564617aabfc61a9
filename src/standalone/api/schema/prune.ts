// Removes what a schema does not know, as Kubernetes does before it stores an object.

import { isRecord, type JsonRecord } from '../json.ts';
import type { Schema } from './schema.ts';

/** A copy of `value` without unknown fields and without nulls that the schema does not allow.
 * `onUnknown` is told the path of each unknown field, such as `spec.containers[0].imagee`. */
export function pruned(
  value: unknown,
  schema: Schema | undefined,
  onUnknown: (path: string) => void,
  path = '',
): unknown {
  if (schema === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((item, index) => pruned(item, schema.items, onUnknown, `${path}[${index}]`));
  }
  if (!isRecord(value)) return value;
  return prunedRecord(value, schema, onUnknown, path);
}

function prunedRecord(
  value: JsonRecord,
  schema: Schema,
  onUnknown: (path: string) => void,
  path: string,
): JsonRecord {
  const result: JsonRecord = {};
  for (const [name, member] of Object.entries(value)) {
    const below = path === '' ? name : `${path}.${name}`;
    const known = memberSchema(schema, name);
    if (known === 'unknown') {
      onUnknown(below);
    } else if (member === null && known !== undefined && known.nullable !== true) {
      // Go clients send null for an unset field.
    } else if (member !== undefined) {
      result[name] = pruned(member, known, onUnknown, below);
    }
  }
  return result;
}

/** The schema of a member; undefined when anything is allowed there. */
export function memberSchema(schema: Schema, name: string): Schema | undefined | 'unknown' {
  const property = ownProperty(schema, name);
  if (property !== undefined) return property;
  const additional = schema.additionalProperties;
  if (isRecord(additional)) return additional;
  if (additional === true || schema['x-kubernetes-preserve-unknown-fields'] === true) {
    return undefined;
  }
  if (schema['x-kubernetes-embedded-resource'] === true && embedded.has(name)) return undefined;
  // A value of no type at all (such as a JSON literal) takes anything.
  if (schema.type === undefined && schema.properties === undefined) return undefined;
  return 'unknown';
}

const embedded: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** The schema of a declared property. */
export function ownProperty(schema: Schema, name: string): Schema | undefined {
  const { properties } = schema;
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
