// What controllers decide to do, as values, and doing it.

import type { ApiObject, KindName, ObjectStore } from '../api/store.ts';

/** What the user is told about an action: an Event on an object, as "kubectl describe" shows. */
export interface Announcement {
  readonly about: ApiObject;
  /** One word, as Kubernetes has it: `ScalingReplicaSet`. */
  readonly reason: string;
  /** Made after the action, since a created object gets its name from the store. */
  readonly message: (done: ApiObject) => string;
}

/** One write. `reason` says why, for the log. */
export type Action = Write & { readonly reason: string; readonly event?: Announcement };

export type Write =
  | { readonly kind: 'create'; readonly object: ApiObject }
  /** RFC 7386; lists are replaced as a whole. */
  | { readonly kind: 'patch'; readonly target: ApiObject; readonly patch: object }
  /** Replaces spec and metadata. */
  | { readonly kind: 'update'; readonly object: ApiObject }
  /** Replaces status. */
  | { readonly kind: 'status'; readonly object: ApiObject }
  | { readonly kind: 'delete'; readonly target: ApiObject };

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

/** Does one action and gives the object as it is then. @throws StatusError when the store refuses */
export function carryOut(action: Action, store: ObjectStore): ApiObject {
  switch (action.kind) {
    case 'create':
      return store.create(action.object);
    case 'update':
      return store.update(action.object);
    case 'status':
      return store.updateStatus(action.object);
    case 'patch': {
      const { kind, namespace, name } = placeOf(action.target);
      return store.mergePatch(kind, namespace, name, action.patch);
    }
    case 'delete': {
      const { kind, namespace, name } = placeOf(action.target);
      const { uid } = action.target.metadata;
      // An earlier action of the same plan may have removed it.
      if (store.get(kind, namespace, name)?.metadata.uid !== uid) return action.target;
      store.delete(kind, namespace, name, uid === undefined ? {} : { uid });
      return action.target;
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
