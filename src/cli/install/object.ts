// What installing knows of a Kubernetes object.

/** An object as it stands in a manifest or comes from the API server. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** `Kind namespace/name`, or `Kind name` where it is in no namespace. */
export function titleOf({ kind, metadata }: KubernetesObject): string {
  const { namespace, name } = metadata;
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** Whether two objects are the same one, in whatever version. */
export function isSame(one: KubernetesObject, other: KubernetesObject): boolean {
  return groupOf(one) === groupOf(other) && titleOf(one) === titleOf(other);
}

function groupOf({ apiVersion }: KubernetesObject): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}

/** The label of everything that belongs to the mesh itself. */
export const partLabel = { key: 'app.kubernetes.io/part-of', value: 'ambit' } as const;
/** The label of what `ambit install` applied, by which `ambit upgrade` finds what is no longer wanted. */
export const managerLabel = { key: 'app.kubernetes.io/managed-by', value: 'ambit' } as const;
/** The version that an object came with. */
export const versionLabel = 'app.kubernetes.io/version';
/** The field manager of what is applied. */
export const fieldManager = 'ambit-install';
