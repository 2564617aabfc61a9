// The shape that every Kubernetes object shares, as far as the controller reads it.

/** Who owns an object; the garbage collector follows it. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  /** Absent on cluster-wide kinds. */
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

/** One condition of a status (KEP-1623). */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime?: string;
}

export interface StatusWithConditions {
  readonly conditions?: readonly Condition[];
}

/** An object as read from the API. */
export interface KubernetesObject<Spec = unknown, Status = StatusWithConditions> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: Spec;
  readonly status?: Status;
}

/** `NAMESPACE/NAME`, or `/NAME` for a cluster-wide object. */
export function keyOf(object: KubernetesObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name);
}

/** The key of an object by its namespace and name. */
export function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** `Kind namespace/name`, as errors and origins name an object. */
export function describeObject(object: KubernetesObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** The order that decides between objects of one kind: the oldest first, then by name, then by
 * namespace (features section 0.7). */
export function byAge(left: KubernetesObject, right: KubernetesObject): number {
  return (
    compare(left.metadata.creationTimestamp ?? '', right.metadata.creationTimestamp ?? '') ||
    compare(left.metadata.name, right.metadata.name) ||
    compare(left.metadata.namespace ?? '', right.metadata.namespace ?? '')
  );
}

/** Whether labels contain all of a selector's; an absent or empty selector selects everything. */
export function selects(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels?.[key] === value);
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** A condition with the generation it speaks of, and the time since when its status has held. */
export function dated(
  condition: Condition,
  object: KubernetesObject,
  before: readonly Condition[],
  nowMs: number,
): Condition {
  const { generation } = object.metadata;
  const older = before.find(({ type }) => type === condition.type);
  const since = older?.status === condition.status ? older.lastTransitionTime : undefined;
  return {
    ...condition,
    ...(generation !== undefined && { observedGeneration: generation }),
    lastTransitionTime: since ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}
