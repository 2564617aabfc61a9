// Writes schemas as OpenAPI documents want them: v2 for older clients, v3 for newer ones.

import { isRecord, type JsonRecord } from '../json.ts';
import type { Schema } from '../schema/schema.ts';

/** The version of the OpenAPI specification. */
export type OpenApiForm = 'v2' | 'v3';

const prefixes: Readonly<Record<OpenApiForm, string>> = {
  v2: '#/definitions/',
  v3: '#/components/schemas/',
};

/** Members that mean the same in both forms. */
const plainMembers = [
  'type',
  'format',
  'title',
  'description',
  'default',
  'required',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-embedded-resource',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-patch-strategy',
  'x-kubernetes-patch-merge-key',
  'x-kubernetes-group-version-kind',
] as const;

/** Collects the definitions that emitted schemas refer to. */
export class SchemaEmitter {
  readonly definitions = new Map<string, JsonRecord>();
  readonly #form: OpenApiForm;

  constructor(form: OpenApiForm) {
    this.#form = form;
  }

  /** Emits a schema under a name of its own. */
  define(name: string, schema: Schema): void {
    if (this.definitions.has(name)) return;
    this.definitions.set(name, {});
    const { definition: _, ...body } = schema;
    this.definitions.set(name, this.emit(body));
  }

  /** A reference to a definition. */
  reference(name: string): JsonRecord {
    return { $ref: `${prefixes[this.#form]}${name}` };
  }

  /** One schema; shared definitions become references. */
  emit(schema: Schema): JsonRecord {
    if (schema.definition !== undefined) return this.#emitReference(schema, schema.definition);
    const result: JsonRecord = {};
    for (const name of plainMembers) if (schema[name] !== undefined) result[name] = schema[name];
    if (schema.properties !== undefined) {
      result['properties'] = Object.fromEntries(
        Object.entries(schema.properties).map(([name, one]) => [name, this.emit(one)]),
      );
    }
    if (schema.items !== undefined) result['items'] = this.emit(schema.items);
    if (isRecord(schema.additionalProperties)) {
      result['additionalProperties'] = this.emit(schema.additionalProperties);
    } else if (schema.additionalProperties !== undefined) {
      result['additionalProperties'] = schema.additionalProperties;
    }
    return this.#form === 'v2' ? asV2(schema, result) : this.#asV3(schema, result);
  }

  #emitReference(schema: Schema, name: string): JsonRecord {
    const { description, default: fallback, protobuf: _, ...target } = schema;
    this.define(name, target);
    const reference = this.reference(name);
    if (this.#form === 'v2') {
      return description === undefined ? reference : { description, ...reference };
    }
    if (description === undefined && fallback === undefined) return reference;
    return {
      allOf: [reference],
      ...(description === undefined ? {} : { description }),
      ...(fallback === undefined ? {} : { default: fallback }),
    };
  }

  #asV3(schema: Schema, result: JsonRecord): JsonRecord {
    if (schema.nullable === true) result['nullable'] = true;
    for (const name of ['allOf', 'anyOf', 'oneOf'] as const) {
      if (schema[name] !== undefined) result[name] = schema[name].map((one) => this.emit(one));
    }
    if (schema.not !== undefined) result['not'] = this.emit(schema.not);
    if (schema['x-kubernetes-int-or-string'] === true && schema.anyOf === undefined) {
      result['oneOf'] = [{ type: 'integer' }, { type: 'string' }];
    }
    return result;
  }
}

/** v2 cannot say some things; then it says less, so that clients do not refuse what is right. */
function asV2(schema: Schema, result: JsonRecord): JsonRecord {
  if (schema['x-kubernetes-int-or-string'] === true) {
    const { description } = result;
    return {
      ...(description === undefined ? {} : { description }),
      type: 'string',
      format: 'int-or-string',
    };
  }
  const loose = schema.nullable === true || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (!loose) return result;
  for (const name of [
    'type',
    'format',
    'items',
    'properties',
    'required',
    'additionalProperties',
  ]) {
    delete result[name];
  }
  return result;
}
