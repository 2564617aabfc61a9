// CustomResourceDefinitions: names and versions are completed and checked; the definition is
// established at once, since nothing else has to agree.

import type { FieldProblem } from '../api-error.ts';
import { isRecord, type JsonRecord, listAt, recordAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import { timestamp } from '../writes/core.ts';
import { immutable, type KindRules, missing, refused } from './rules.ts';

/** Keeps a definition until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Completes and checks definitions. */
export const customResourceDefinitionRules: KindRules = {
  prepare(core, object, previous, write) {
    for (const warning of warningsOf(object)) write.warn(warning);
    const names = recordAt(object.spec, 'names');
    if (names === undefined) return;
    const kind = textAt(names, 'kind') ?? '';
    names['singular'] ??= kind.toLowerCase();
    names['listKind'] ??= `${kind}List`;
    if (isRecord(object.spec)) object.spec['conversion'] ??= { strategy: 'None' };
    if (previous === undefined) {
      object.metadata.finalizers = [
        ...new Set([...(object.metadata.finalizers ?? []), cleanupFinalizer]),
      ];
    }
    object.status = statusOf(object, names, previous, timestamp(core.clock));
  },
  problems(core, object, previous) {
    const spec = object.spec;
    const plural = textAt(spec, 'names', 'plural') ?? '';
    const group = textAt(spec, 'group') ?? '';
    const problems: FieldProblem[] = [...versionProblems(object)];
    if (object.metadata.name !== `${plural}.${group}`) {
      problems.push(
        refused('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'),
      );
    }
    if (previous !== undefined) {
      for (const field of ['group', 'scope'] as const) {
        if (textAt(spec, field) !== textAt(previous.spec, field)) {
          problems.push(immutable(`spec.${field}`, textAt(spec, field)));
        }
      }
    }
    const taken = core.registry.byName(`${group}/${plural}`);
    if (taken?.custom === false) {
      problems.push(refused('spec.names.plural', plural, 'is served by the API server itself'));
    }
    return problems;
  },
};

/** What definitions may ask for and is not done here. */
function warningsOf(object: ApiObject): string[] {
  const warnings: string[] = [];
  if (textAt(object.spec, 'conversion', 'strategy') === 'Webhook') {
    warnings.push('spec.conversion: webhooks are not called; versions differ in their name only');
  }
  listAt(object.spec, 'versions').forEach((version, index) => {
    if (!JSON.stringify(version).includes('"x-kubernetes-validations"')) return;
    warnings.push(
      `spec.versions[${index}].schema: x-kubernetes-validations are not evaluated; objects that they refuse are taken`,
    );
  });
  return warnings;
}

function versionProblems(object: ApiObject): FieldProblem[] {
  const versions = listAt(object.spec, 'versions');
  if (versions.length === 0) return [missing('spec.versions')];
  const problems: FieldProblem[] = [];
  const stored = versions.filter((version) => isRecord(version) && version['storage'] === true);
  if (stored.length !== 1) {
    problems.push(
      refused(
        'spec.versions',
        stored.length,
        'must have exactly one version marked as storage version',
      ),
    );
  }
  versions.forEach((version, index) => {
    if (recordAt(version, 'schema', 'openAPIV3Schema') === undefined) {
      problems.push(
        missing(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required'),
      );
    }
  });
  return problems;
}

function statusOf(
  object: ApiObject,
  names: JsonRecord,
  previous: ApiObject | undefined,
  now: string,
): JsonRecord {
  const storage = listAt(object.spec, 'versions').find(
    (version) => isRecord(version) && version['storage'] === true,
  );
  const stored = listAt(previous?.status, 'storedVersions').map(String);
  const current = textAt(storage, 'name') ?? '';
  const since = textAt(listAt(previous?.status, 'conditions')[0], 'lastTransitionTime') ?? now;
  const condition = (type: string, reason: string, message: string): JsonRecord => ({
    type,
    status: 'True',
    lastTransitionTime: since,
    reason,
    message,
  });
  return {
    acceptedNames: { ...names },
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: stored.includes(current) ? stored : [...stored, current],
  };
}
