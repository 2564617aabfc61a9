// One object of a file and all that is wrong with it: what its definition says, as the API server does,
// and what the webhook says. Pure.

import type { Problem } from '../../controller/translate/finding.ts';
import { validateObject } from '../../controller/translate/validations.ts';
import { pruned } from '../../standalone/api/schema/prune.ts';
import { problemsOf } from '../../standalone/api/schema/validate.ts';
import type { KindDefinition } from '../objects/definitions.ts';
import type { ReadObject } from '../objects/read-documents.ts';

/** A problem with its line. */
export interface PlacedProblem extends Problem {
  readonly line: number;
}

/** What came out for one object. */
export interface JudgedObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  /** Whether there are rules for its kind; others are left alone. */
  readonly isKnown: boolean;
  readonly errors: readonly PlacedProblem[];
  readonly warnings: readonly PlacedProblem[];
}

const groupsOfMesh = /^(networking|security|telemetry|extensions)\.istio\.io$/;

/** Judges an object; `namespace` is where it would go if it names none. */
export function judgeObject(
  read: ReadObject,
  definitions: ReadonlyMap<string, KindDefinition>,
  namespace: string,
): JudgedObject {
  const { object, file, line } = read;
  const { apiVersion, kind, metadata } = object;
  const group = apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
  const definition = definitions.get(`${group}/${kind}`);
  const placed = {
    ...object,
    metadata: { ...metadata, namespace: metadata.namespace ?? namespace },
  };
  const judged = validateObject(placed);
  const withLine = (problem: Problem): PlacedProblem => ({
    ...problem,
    line: read.lineOf(problem.field),
  });
  const unknown: Problem[] = groupsOfMesh.test(group)
    ? [{ code: 'AMB1681', field: 'kind', text: `unrecognized type ${apiVersion} ${kind}` }]
    : [];
  const errors =
    judged === undefined && definition === undefined
      ? unknown
      : [...schemaProblems(object, definition), ...(judged?.problems ?? [])];
  return {
    kind,
    namespace: placed.metadata.namespace,
    name: metadata.name,
    file,
    line,
    isKnown: judged !== undefined || definition !== undefined || unknown.length > 0,
    errors: errors.map(withLine),
    warnings: errors.length > 0 ? [] : (judged?.warnings ?? []).map(withLine),
  };
}

function schemaProblems(
  object: ReadObject['object'],
  definition: KindDefinition | undefined,
): Problem[] {
  if (definition === undefined) return [];
  const version = object.apiVersion.slice(object.apiVersion.indexOf('/') + 1);
  const schema = definition.schemas.get(version);
  if (schema === undefined) {
    const served = [...definition.schemas.keys()].join(', ');
    const text = `"${object.apiVersion}" is not served; write one of ${served}`;
    return [{ code: 'AMB1681', field: 'apiVersion', text }];
  }
  const unknown: Problem[] = [];
  const value = pruned(object, schema, (field) => {
    // Told by the validation, with a better guess.
    if (!field.includes('.')) return;
    unknown.push({ code: 'AMB1202', field, text: 'unknown field; it would be refused or dropped' });
  });
  return [
    ...unknown,
    ...problemsOf(value, schema).map(
      ({ field, message }): Problem => ({ code: 'AMB1203', field, text: message }),
    ),
  ];
}
