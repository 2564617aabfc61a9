// The Kubernetes objects that `ambit status` reads, as far as it looks at them.

import type { Fields } from '../ztunnel/dump.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Any object. */
export interface StatusObject {
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Fields;
  readonly status?: Fields & { readonly conditions?: readonly Condition[] };
}

/** Everything that the judgement rests on. */
export interface ClusterFacts {
  /** The address of the API server. */
  readonly server: string;
  /** Where the mesh runs. */
  readonly namespace: string;
  readonly nodes: readonly StatusObject[];
  readonly namespaces: readonly StatusObject[];
  readonly pods: readonly StatusObject[];
  /** Of the mesh's own namespace. */
  readonly deployments: readonly StatusObject[];
  readonly daemonSets: readonly StatusObject[];
  readonly leases: readonly StatusObject[];
  /** Objects of the mesh and of the Gateway API, by kind. */
  readonly configuration: ReadonlyMap<string, readonly StatusObject[]>;
  readonly nowMs: number;
}

/** The conditions of an object. */
export function conditionsOf({ status }: StatusObject): readonly Condition[] {
  return status?.conditions ?? [];
}

/** Whether a condition of this type is True. */
export function holds(object: StatusObject, type: string): boolean {
  return conditionsOf(object).some((one) => one.type === type && one.status === 'True');
}

export function labelOf({ metadata }: StatusObject, label: string): string | undefined {
  return metadata.labels?.[label];
}

/** `NAMESPACE/NAME`, or the name of what has no namespace. */
export function keyOf({ metadata: { namespace, name } }: StatusObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
