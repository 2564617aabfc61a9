// The OpenAPI documents of what is served now.

import type { JsonRecord } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { Registry } from '../kinds/registry.ts';
import { definition } from '../schema/definitions.ts';
import type { Schema } from '../schema/schema.ts';
import { type OpenApiForm, SchemaEmitter } from './emit.ts';
import { pathsOf } from './paths.ts';

const headline = { title: 'Kubernetes (Ambit laptop mode)', version: 'v1.32.0+ambit' };

/** The whole API as one OpenAPI v2 document. */
export function documentV2(registry: Registry): JsonRecord {
  const emitter = new SchemaEmitter('v2');
  const paths: JsonRecord = {};
  for (const kind of registry.all()) {
    for (const { version } of kind.versions) addKind(emitter, paths, kind, version, 'v2');
  }
  addDeleteOptions(emitter);
  return {
    swagger: '2.0',
    info: headline,
    paths,
    definitions: Object.fromEntries(emitter.definitions),
  };
}

/** One group version as an OpenAPI v3 document, or undefined when it has no kinds. */
export function documentV3(
  registry: Registry,
  group: string,
  version: string,
): JsonRecord | undefined {
  const emitter = new SchemaEmitter('v3');
  const paths: JsonRecord = {};
  const kinds = registry
    .all()
    .filter((kind) => kind.group === group && kind.versions.some((one) => one.version === version));
  if (kinds.length === 0) return undefined;
  for (const kind of kinds) addKind(emitter, paths, kind, version, 'v3');
  addDeleteOptions(emitter);
  return {
    openapi: '3.0.0',
    info: headline,
    paths,
    components: { schemas: Object.fromEntries(emitter.definitions) },
  };
}

function addKind(
  emitter: SchemaEmitter,
  paths: JsonRecord,
  kind: Kind,
  version: string,
  form: OpenApiForm,
): void {
  const schema = kind.versions.find((one) => one.version === version)?.schema ?? {};
  const name = definitionName(kind, version, schema);
  const versionKind = [{ group: kind.group, version, kind: kind.kind }];
  emitter.define(name, { ...schema, 'x-kubernetes-group-version-kind': versionKind });
  emitter.define(`${name}List`, {
    type: 'object',
    description: `A list of ${kind.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      items: { type: 'array', items: { definition: name } },
      metadata: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
    'x-kubernetes-group-version-kind': [{ group: kind.group, version, kind: kind.listKind }],
  });
  const reference = emitter.reference(name);
  Object.assign(paths, pathsOf(kind, version, reference, form));
}

function addDeleteOptions(emitter: SchemaEmitter): void {
  const schema = definition('DeleteOptions');
  emitter.define(schema.definition ?? 'DeleteOptions', schema);
}

/** Built-in kinds have names of their own; custom ones get theirs from the group, backwards. */
function definitionName(kind: Kind, version: string, schema: Schema): string {
  if (schema.definition !== undefined) return schema.definition;
  return `${kind.group.split('.').toReversed().join('.')}.${version}.${kind.kind}`;
}

/** `api/v1`, `apis/apps/v1`: how OpenAPI v3 names a group version. */
export function openApiPath(group: string, version: string): string {
  return `${group === '' ? 'api' : 'apis'}/${apiVersionOf(group, version)}`;
}
