// What the parts of laptop mode that live in the API server's own process see of it: plain JSON
// objects, read and written as over HTTP (pruned, defaulted, validated, versioned), without sockets.

/** One entry of `metadata.ownerReferences`. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean | undefined;
  blockOwnerDeletion?: boolean | undefined;
}

/** Who owns which fields of an object, one entry per manager, operation and subresource. */
export interface ManagedFieldsEntry {
  manager?: string | undefined;
  operation?: 'Apply' | 'Update' | undefined;
  apiVersion?: string | undefined;
  time?: string | undefined;
  fieldsType?: 'FieldsV1' | undefined;
  fieldsV1?: Record<string, unknown> | undefined;
  subresource?: string | undefined;
}

/** Kubernetes' ObjectMeta. `name` may be empty on create when `generateName` is given. */
export interface ObjectMeta {
  name: string;
  namespace?: string | undefined;
  generateName?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  generation?: number | undefined;
  creationTimestamp?: string | undefined;
  deletionTimestamp?: string | undefined;
  deletionGracePeriodSeconds?: number | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  ownerReferences?: OwnerReference[] | undefined;
  finalizers?: string[] | undefined;
  managedFields?: ManagedFieldsEntry[] | undefined;
}

/** Any Kubernetes object as JSON. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [key: string]: unknown;
}

/** Plural resource name with its group: `pods`, `apps/deployments`. */
export type KindName = string;

/** A change, as a watch tells it. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

/** Which objects of a kind to list; all when empty. */
export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string;
  /** Labels that must all be there with these values. */
  readonly labelSelector?: Readonly<Record<string, string>>;
}

/** How to delete an object. */
export interface DeleteOptions {
  /** 0 removes a pod at once: how a kubelet says that its processes are gone. */
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  /** Refuse (conflict) when the object is another one by now. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** The objects of the mesh. Every answer is a copy that the caller may change. Writes throw
 * `StatusError` (api-error.ts), whose `status.reason` says why as Kubernetes does. */
export interface ObjectStore {
  get(kind: KindName, namespace: string, name: string): ApiObject | undefined;
  list(kind: KindName, options?: ListOptions): ApiObject[];
  create(object: ApiObject): ApiObject;
  /** Replaces everything but status. A `resourceVersion` that is not current is a Conflict. */
  update(object: ApiObject): ApiObject;
  /** Replaces status alone. */
  updateStatus(object: ApiObject): ApiObject;
  /** RFC 7386 merge patch. With `status`, only the status part counts. */
  mergePatch(
    kind: KindName,
    namespace: string,
    name: string,
    patch: object,
    subresource?: 'status',
  ): ApiObject;
  /** Server-side apply, with conflicts forced; creates what is missing. Unknown fields are dropped, or with
   * `Strict` refused as kubectl has it. */
  apply(object: ApiObject, fieldManager: string, unknownFields?: 'Ignore' | 'Strict'): ApiObject;
  /** Missing objects throw NotFound. */
  delete(kind: KindName, namespace: string, name: string, options?: DeleteOptions): void;
  /** Starts with ADDED for what exists, then every change in order, never from within the call
   * that made the change. */
  watch(kind: KindName, onEvent: (event: WatchEvent) => void): Disposable;
}
