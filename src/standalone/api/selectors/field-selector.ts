// Field selectors: `status.phase=Running,spec.nodeName!=node1`. Fields of the known kinds, and name and
// namespace of all.

import { badRequest } from '../api-error.ts';
import { valueAt } from '../json.ts';
import type { ApiObject, KindName } from '../store.ts';

/** One condition on a field. */
export interface FieldRequirement {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

const everywhere = ['metadata.name', 'metadata.namespace'];

/** Selectable fields per kind, beside name and namespace. */
const selectable: Readonly<Record<KindName, readonly string[]>> = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  namespaces: ['status.phase'],
  nodes: ['spec.unschedulable'],
  secrets: ['type'],
  services: ['spec.clusterIP', 'spec.type'],
  'apps/replicasets': ['status.replicas'],
};

/** Reads a field selector for a kind. Throws BadRequest for syntax and for unknown fields. */
export function parseFieldSelector(kind: KindName, text: string): FieldRequirement[] {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  return parts.map((part) => {
    const match = /^\s*([^\s!=]+?)\s*(==|!=|=)\s*(.*?)\s*$/.exec(part);
    if (match === null) {
      throw badRequest('AMB1203', `unable to parse the field selector at ${JSON.stringify(part)}`);
    }
    const field = renamed[match[1] ?? ''] ?? match[1] ?? '';
    if (!everywhere.includes(field) && !(selectable[kind] ?? []).includes(field)) {
      throw badRequest('AMB1203', `field label not supported: ${field}`);
    }
    return { field, equal: match[2] !== '!=', value: unescaped(match[3] ?? '') };
  });
}

/** Names of events.k8s.io/v1 for fields that are kept under those of core/v1. */
const renamed: Readonly<Record<string, string>> = {
  'regarding.kind': 'involvedObject.kind',
  'regarding.namespace': 'involvedObject.namespace',
  'regarding.name': 'involvedObject.name',
  'regarding.uid': 'involvedObject.uid',
  reportingController: 'reportingComponent',
};

function unescaped(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1');
}

/** Whether an object fulfils every requirement. A missing field equals the empty text. */
export function fieldsFulfil(
  requirements: readonly FieldRequirement[],
  object: ApiObject,
): boolean {
  return requirements.every(({ field, equal, value }) => {
    const path = field === 'source' ? ['source', 'component'] : field.split('.');
    const found = valueAt(object, ...path) ?? (booleanFields.has(field) ? false : '');
    return (String(found as string | number | boolean) === value) === equal;
  });
}

const booleanFields: ReadonlySet<string> = new Set(['spec.unschedulable', 'spec.hostNetwork']);
