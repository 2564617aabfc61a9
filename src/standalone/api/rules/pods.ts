// Pods: what the server fills in, and which fields may change afterwards.

import type { FieldProblem } from '../api-error.ts';
import { copyJson, isRecord, type JsonRecord, jsonEqual, listAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import { completePodSpec } from './pod-spec.ts';
import { type KindRules, missing, refused } from './rules.ts';

/** Completes pods and keeps their fixed part. */
export const podRules: KindRules = {
  prepare(_core, object, previous) {
    if (!isRecord(object.spec)) return;
    completePodSpec(object.spec);
    completeServiceAccount(object.spec);
    if (previous === undefined) object.status = { phase: 'Pending', qosClass: qosOf(object.spec) };
  },
  problems(_core, object, previous) {
    const problems = [...containerProblems(object)];
    if (previous !== undefined && !jsonEqual(fixedPart(object, previous), fixedPart(previous))) {
      problems.push({
        field: 'spec',
        reason: 'FieldValueForbidden',
        message:
          'Forbidden: pod updates may not change fields other than `spec.containers[*].image`, `spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.terminationGracePeriodSeconds`, `spec.tolerations` (only additions to existing tolerations)',
      });
    }
    return problems;
  },
};

/** `serviceAccount` is the old name of `serviceAccountName`. */
function completeServiceAccount(spec: JsonRecord): void {
  const name = textAt(spec, 'serviceAccountName') ?? textAt(spec, 'serviceAccount') ?? 'default';
  spec['serviceAccountName'] = name;
  spec['serviceAccount'] = name;
}

/** The pod's class by Kubernetes' rule: limits equal to requests, some of either, or none. */
function qosOf(spec: JsonRecord): string {
  const containers = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')];
  const stated = containers.map((container) => {
    const resources = isRecord(container) ? container['resources'] : undefined;
    const limits = isRecord(resources) ? resources['limits'] : undefined;
    const requests = isRecord(resources) ? (resources['requests'] ?? limits) : undefined;
    return { limits, requests };
  });
  const empty = (value: unknown): boolean => !isRecord(value) || Object.keys(value).length === 0;
  if (stated.every(({ limits, requests }) => empty(limits) && empty(requests))) return 'BestEffort';
  const guaranteed = stated.every(
    ({ limits, requests }) =>
      isRecord(limits) && 'cpu' in limits && 'memory' in limits && jsonEqual(limits, requests),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function containerProblems(object: ApiObject): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const containers = listAt(object.spec, 'containers');
  if (containers.length === 0) problems.push(missing('spec.containers'));
  const volumes = new Set(listAt(object.spec, 'volumes').map((volume) => textAt(volume, 'name')));
  for (const list of ['initContainers', 'containers']) {
    listAt(object.spec, list).forEach((container, index) => {
      const at = `spec.${list}[${index}]`;
      if (!textAt(container, 'image')) problems.push(missing(`${at}.image`));
      listAt(container, 'volumeMounts').forEach((mount, mountIndex) => {
        const name = textAt(mount, 'name') ?? '';
        if (volumes.has(name)) return;
        problems.push({
          field: `${at}.volumeMounts[${mountIndex}].name`,
          reason: 'FieldValueInvalid',
          message: `Not found: ${JSON.stringify(name)}`,
        });
      });
    });
  }
  if (textAt(object.spec, 'nodeName') === '') {
    problems.push(refused('spec.nodeName', '', 'must not be empty'));
  }
  return problems;
}

/** The spec without what may change; a node may be chosen once. */
function fixedPart(object: ApiObject, previous: ApiObject = object): unknown {
  const spec = copyJson(object.spec) as JsonRecord;
  if (textAt(previous.spec, 'nodeName') === undefined) delete spec['nodeName'];
  for (const name of ['activeDeadlineSeconds', 'terminationGracePeriodSeconds', 'tolerations']) {
    delete spec[name];
  }
  delete spec['ephemeralContainers'];
  delete spec['schedulingGates'];
  for (const list of ['containers', 'initContainers']) {
    for (const container of listAt(spec, list)) if (isRecord(container)) delete container['image'];
  }
  return spec;
}
