// The paths of a kind in OpenAPI documents. Clients look here for the parameters that a request takes
// (dryRun, fieldValidation) and for the patches that a kind understands.

import type { JsonRecord } from '../json.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { OpenApiForm } from './emit.ts';

const text = { type: 'string' };
const flag = { type: 'boolean' };

const writeParameters: Readonly<Record<string, JsonRecord>> = {
  dryRun: text,
  fieldManager: text,
  fieldValidation: text,
};
const patchParameters = { ...writeParameters, force: flag };
const listParameters: Readonly<Record<string, JsonRecord>> = {
  allowWatchBookmarks: flag,
  continue: text,
  fieldSelector: text,
  labelSelector: text,
  limit: { type: 'integer' },
  resourceVersion: text,
  resourceVersionMatch: text,
  sendInitialEvents: flag,
  timeoutSeconds: { type: 'integer' },
  watch: flag,
};
const deleteParameters: Readonly<Record<string, JsonRecord>> = {
  dryRun: text,
  gracePeriodSeconds: { type: 'integer' },
  orphanDependents: flag,
  propagationPolicy: text,
};

/** All paths of one version of a kind. `schema` is a reference to its definition. */
export function pathsOf(
  kind: Kind,
  version: string,
  schema: JsonRecord,
  form: OpenApiForm,
): JsonRecord {
  const base = `/${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind.group, version)}`;
  const collection = kind.namespaced
    ? `${base}/namespaces/{namespace}/${kind.plural}`
    : `${base}/${kind.plural}`;
  const operation = (
    action: string,
    parameters: Readonly<Record<string, JsonRecord>>,
    takes: readonly string[] = [],
  ): JsonRecord => operationOf({ kind, version, schema, form, action, parameters, takes });
  const patches = [
    'application/json-patch+json',
    'application/merge-patch+json',
    ...(kind.custom ? [] : ['application/strategic-merge-patch+json']),
    'application/apply-patch+yaml',
  ];
  const one = {
    get: operation('get', {}),
    put: operation('put', writeParameters, ['application/json']),
    patch: operation('patch', patchParameters, patches),
  };
  return {
    ...(kind.namespaced
      ? { [`${base}/${kind.plural}`]: { get: operation('list', listParameters) } }
      : {}),
    [collection]: {
      get: operation('list', listParameters),
      post: operation('post', writeParameters, ['application/json']),
      delete: operation('deletecollection', { ...listParameters, ...deleteParameters }),
    },
    [`${collection}/{name}`]: { ...one, delete: operation('delete', deleteParameters) },
    ...(kind.hasStatus ? { [`${collection}/{name}/status`]: one } : {}),
  };
}

function operationOf(request: {
  readonly kind: Kind;
  readonly version: string;
  readonly schema: JsonRecord;
  readonly form: OpenApiForm;
  readonly action: string;
  readonly parameters: Readonly<Record<string, JsonRecord>>;
  readonly takes: readonly string[];
}): JsonRecord {
  const { kind, version, schema, form, action, takes } = request;
  const parameters = Object.entries(request.parameters).map(([name, type]) => ({
    name,
    in: 'query',
    ...(form === 'v2' ? type : { schema: type }),
  }));
  const v3 = {
    ...(takes.length === 0
      ? {}
      : {
          requestBody: { content: Object.fromEntries(takes.map((type) => [type, { schema }])) },
        }),
    responses: { 200: { description: 'OK', content: { 'application/json': { schema } } } },
  };
  const v2 = {
    ...(takes.length === 0 ? {} : { consumes: takes }),
    responses: { 200: { description: 'OK', schema } },
  };
  return {
    parameters,
    ...(form === 'v2' ? v2 : v3),
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: kind.group, version, kind: kind.kind },
  };
}
