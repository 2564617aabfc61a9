// What controllers decide to do, as values, and doing it.

import type { ApiObject, KindName, ObjectStore } from '../api/store.ts';

/** One write. `reason` says why, for the log. */
export type Action =
  | { readonly kind: 'create'; readonly object: ApiObject; readonly reason: string }
  /** RFC 7386; lists are replaced as a whole. */
  | {
      readonly kind: 'patch';
      readonly target: ApiObject;
      readonly patch: object;
      readonly reason: string;
    }
  /** Replaces spec and metadata. */
  | { readonly kind: 'update'; readonly object: ApiObject; readonly reason: string }
  /** Replaces status. */
  | { readonly kind: 'status'; readonly object: ApiObject; readonly reason: string }
  | { readonly kind: 'delete'; readonly target: ApiObject; readonly reason: string };

/** A decision: what to do now, and when to look again if nothing happens. */
export interface Plan {
  readonly actions: readonly Action[];
  readonly againAfterMs?: number | undefined;
}

const kindNames: Readonly<Record<string, KindName>> = {
  Pod: 'pods',
  EndpointSlice: 'discovery.k8s.io/endpointslices',
  Deployment: 'apps/deployments',
  ReplicaSet: 'apps/replicasets',
  DaemonSet: 'apps/daemonsets',
};

/** Does one action. @throws StatusError when the store refuses */
export function carryOut(action: Action, store: ObjectStore): void {
  switch (action.kind) {
    case 'create':
      store.create(action.object);
      return;
    case 'update':
      store.update(action.object);
      return;
    case 'status':
      store.updateStatus(action.object);
      return;
    case 'patch': {
      const { kind, namespace, name } = placeOf(action.target);
      store.mergePatch(kind, namespace, name, action.patch);
      return;
    }
    case 'delete': {
      const { kind, namespace, name } = placeOf(action.target);
      const { uid } = action.target.metadata;
      store.delete(kind, namespace, name, uid === undefined ? {} : { uid });
    }
  }
}

/** What an action is about, for the log. */
export function subjectOf(action: Action): string {
  const object = 'object' in action ? action.object : action.target;
  const { namespace = '', name, generateName } = object.metadata;
  return `${object.kind} ${namespace}/${name || generateName}`;
}

function placeOf(object: ApiObject): { kind: KindName; namespace: string; name: string } {
  const { namespace = '', name } = object.metadata;
  const kind = kindNames[object.kind];
  if (kind === undefined) throw new Error(`controllers do not write objects of ${object.kind}`);
  return { kind, namespace, name };
}
