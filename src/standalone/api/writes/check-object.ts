// The checks that every written object goes through: form, unknown fields, metadata, schema, rules.

import { badRequest, type FieldProblem, invalid, StatusError } from '../api-error.ts';
import { isRecord } from '../json.ts';
import { apiVersionOf, versionOf } from '../kinds/kind.ts';
import { rulesOf } from '../rules/kind-rules.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { pruned } from '../schema/prune.ts';
import { problemsOf } from '../schema/validate.ts';
import type { ApiObject } from '../store.ts';
import type { Core, Write } from './core.ts';
import { metadataProblems } from './metadata-rules.ts';

/** The object without unknown fields, which are reported as the caller wished; with defaults. */
export function cleaned(write: Write, body: unknown): ApiObject {
  const object = requireObject(write, body);
  const schema = versionOf(write.kind, write.version)?.schema;
  const unknown: string[] = [];
  const result = pruned(object, schema, (path) => unknown.push(path)) as ApiObject;
  reportUnknown(write, unknown);
  result.metadata ??= { name: '' };
  applyDefaults(result, schema);
  return result;
}

/** Reports unknown fields. */
export function reportUnknown(write: Write, paths: readonly string[]): void {
  reportFields(
    write,
    paths.map((path) => `unknown field "${path}"`),
  );
}

/** Reports unknown or repeated fields: refuses (Strict), warns (Warn) or nothing. */
export function reportFields(write: Write, complaints: readonly string[]): void {
  if (complaints.length === 0 || write.fieldValidation === 'Ignore') return;
  if (write.fieldValidation === 'Warn') {
    for (const complaint of complaints) write.warn(complaint);
    return;
  }
  const { kind, version } = write;
  throw new StatusError('AMB1202', {
    http: 400,
    reason: 'BadRequest',
    message: `${kind.kind} in version "${version}" cannot be handled as a ${kind.kind}: strict decoding error: ${complaints.join(', ')}`,
  });
}

/** The body as an object of the kind, with its version and kind filled in. Throws BadRequest. */
export function requireObject(write: Write, body: unknown): ApiObject {
  const { kind, version, namespace } = write;
  if (!isRecord(body)) {
    throw badRequest('AMB1201', `the body must be a ${kind.kind} as a JSON or YAML object`);
  }
  const apiVersion = apiVersionOf(kind.group, version);
  if (body['kind'] !== undefined && body['kind'] !== kind.kind) {
    throw badRequest('AMB1201', `kind must be ${kind.kind}, not ${JSON.stringify(body['kind'])}`);
  }
  if (body['apiVersion'] !== undefined && body['apiVersion'] !== apiVersion) {
    throw badRequest(
      'AMB1201',
      `the API version in the data (${JSON.stringify(body['apiVersion'])}) does not match the expected API version (${apiVersion})`,
    );
  }
  const metadata = body['metadata'];
  if (metadata !== undefined && metadata !== null && !isRecord(metadata)) {
    throw badRequest('AMB1201', 'metadata must be an object');
  }
  const named = metadata?.['namespace'];
  if (kind.namespaced && named !== undefined && named !== '' && named !== namespace) {
    throw badRequest(
      'AMB1201',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  return { ...body, apiVersion, kind: kind.kind, metadata: { name: '', ...metadata } };
}

/** Throws Invalid naming every field that the schema or the rules of the kind refuse. */
export function requireValid(
  core: Core,
  write: Write,
  object: ApiObject,
  previous: ApiObject | undefined,
): void {
  const { kind, version } = write;
  const problems: FieldProblem[] = [
    ...metadataProblems(kind, object, previous),
    ...problemsOf(object, versionOf(kind, version)?.schema),
  ];
  // The rules of a kind rely on the form that the schema asks for.
  if (problems.length === 0) {
    problems.push(...(rulesOf(kind).problems?.(core, object, previous) ?? []));
  }
  if (problems.length > 0) throw invalid(kind, object.metadata.name, problems);
}
