// What to write on objects so that their authors know: only differences, and only conditions that
// are ours. Pure.

import { configurationKinds, type KindName, objectPath } from './kinds/kinds.ts';
import {
  type Condition,
  dated,
  type KubernetesObject,
  type StatusWithConditions,
} from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import {
  type Finding,
  type ObjectReference,
  type StatusFields,
  sameCondition,
} from './translate/finding.ts';

/** A write to one object's status, and what to announce once it has succeeded. */
export interface StatusWrite {
  /** Of the status subresource. */
  readonly path: string;
  readonly object: KubernetesObject;
  /** A merge patch; it fails when the object has changed meanwhile. */
  readonly body: object;
  readonly events: readonly Finding[];
}

/** Kinds on which conditions that no finding asks for any more are taken away. */
const cleaned = ['Service', 'Gateway', ...configurationKinds] as const;

const istioTypes = new Set([
  'ZtunnelAccepted',
  'WaypointAccepted',
  'istio.io/WaypointBound',
  'istio.io/WaypointMissing',
  'istio.io/VisibilityApplied',
]);

/** Whether objects of a kind have no status: their authors are told by Events alone. */
export function hasNoStatus(kind: KindName): boolean {
  return kind === 'MeshConfig' || kind === 'ConfigMap';
}

/** The writes that make statuses say what was found. `nowMs` dates conditions that change. */
export function statusWrites(
  objects: ObjectSource,
  findings: readonly Finding[],
  moreFields: readonly StatusFields[],
  nowMs: number,
): StatusWrite[] {
  const wanted = new Map<KubernetesObject, Finding[]>();
  for (const kind of cleaned) {
    for (const object of objects.list(kind)) {
      if (ownConditions(object).length > 0) wanted.set(object, []);
    }
  }
  for (const finding of findings) {
    const object = find(objects, finding.object);
    if (object === undefined || hasNoStatus(finding.object.kind)) continue;
    const list = wanted.get(object);
    if (list === undefined) wanted.set(object, [finding]);
    else list.push(finding);
  }
  const extra = new Map(moreFields.map((more) => [more.object, more]));
  for (const { object } of moreFields) {
    const { namespace, name } = object.metadata;
    // An older version's fields come again for the newest.
    const isNewest = objects.get(object.kind as KindName, namespace, name) === object;
    if (isNewest && !wanted.has(object)) wanted.set(object, []);
  }
  return [...wanted].flatMap(
    ([object, list]) => write(object, list, extra.get(object), nowMs) ?? [],
  );
}

function write(
  object: KubernetesObject,
  findings: readonly Finding[],
  more: StatusFields | undefined,
  nowMs: number,
): StatusWrite | undefined {
  const extra = more?.fields;
  const isWithin = more?.before !== undefined;
  const present = more?.before ?? object.status?.conditions ?? [];
  const conditions = findings.map(({ type, status, reason, message }) =>
    dated({ type, status, reason, message }, object, present, nowMs),
  );
  const wantedTypes = new Set(conditions.map(({ type }) => type));
  const others = present.filter(({ type }) => !wantedTypes.has(type) && !isOwn(type));
  const next = [...others, ...conditions];
  const changed = conditions.filter(
    (condition) => !present.some((one) => sameCondition(one, condition)),
  );
  const gone =
    !isWithin && present.some(({ type }) => !next.some((condition) => condition.type === type));
  const isSame = (isWithin || changed.length === 0) && !gone;
  if (isSame && !differs(object.status, extra)) return undefined;
  const { namespace, name, resourceVersion } = object.metadata;
  const changedTypes = new Set(
    changed.filter((condition) => !saysTheSame(present, condition)).map(({ type }) => type),
  );
  return {
    path: `${objectPath(object.kind as KindName, namespace, name)}/status`,
    object,
    body: {
      metadata: { ...(resourceVersion && { resourceVersion }) },
      status: isWithin ? extra : { ...extra, conditions: next },
    },
    events: findings.filter(({ code, type }) => code !== undefined && changedTypes.has(type)),
  };
}

/** A condition that only observed a newer generation is no news. */
function saysTheSame(present: readonly Condition[], condition: Condition): boolean {
  return present.some(
    ({ type, status, message }) =>
      type === condition.type && status === condition.status && message === condition.message,
  );
}

function find(objects: ObjectSource, reference: ObjectReference): KubernetesObject | undefined {
  return objects.get(reference.kind, reference.namespace, reference.name);
}

function ownConditions(object: KubernetesObject): readonly Condition[] {
  return (object.status?.conditions ?? []).filter(({ type }) => isOwn(type));
}

function isOwn(type: string): boolean {
  return type.startsWith('ambit.io/') || istioTypes.has(type);
}

/** Whether fields beside the conditions differ. Times of nested conditions are not written. */
function differs(status: StatusWithConditions | undefined, extra: object | undefined): boolean {
  return Object.entries(extra ?? {}).some(
    ([field, value]) =>
      canonical((status as Record<string, unknown>)?.[field]) !== canonical(value),
  );
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'lastTransitionTime') return undefined;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
