// The controllers of laptop mode, each fed by watches and run by its own loop.

import { selectorMatches } from '../api/selectors/label-selector.ts';
import type { ApiObject, KindName, ObjectStore } from '../api/store.ts';
import {
  Controller,
  type ControllerDefinition,
  type ControllerSurroundings,
  keyOf,
} from './controller.ts';
import { planDaemonSet } from './plan-daemon-set.ts';
import { planDeployment } from './plan-deployment.ts';
import { planEndpointSlices, type ServiceObject, selectsPods } from './plan-endpoint-slices.ts';
import { planReplicaSet } from './plan-replica-set.ts';
import {
  controllerOf,
  type DaemonSet,
  type Deployment,
  type LabelSelector,
  type NodeObject,
  type Pod,
  type ReplicaSet,
} from './workload-objects.ts';

const deployments = 'apps/deployments';
const replicaSets = 'apps/replicasets';
const daemonSets = 'apps/daemonsets';
const endpointSlices = 'discovery.k8s.io/endpointslices';
const nothing = { actions: [] };

/** Starts them all; disposing ends them and leaves every object as it is. */
export function startControllers(surroundings: ControllerSurroundings): AsyncDisposable {
  const stack = new AsyncDisposableStack();
  for (const definition of [deployment, replicaSet, daemonSet, endpointSlice]) {
    stack.use(new Controller(definition, surroundings));
  }
  return stack;
}

const self = (object: ApiObject): string[] => [keyOf(object)];

/** The responsible owner of a kind; for an object without any, all that select it. */
function owners(kind: KindName, ownerKind: string) {
  return (object: ApiObject, store: ObjectStore): string[] => {
    const owner = controllerOf(object);
    const { namespace = '', labels = {} } = object.metadata;
    if (owner !== undefined) return owner.kind === ownerKind ? [`${namespace}/${owner.name}`] : [];
    return store
      .list(kind, { namespace })
      .filter(({ spec }) => {
        const selector = (spec as { selector?: LabelSelector } | undefined)?.selector;
        return selector !== undefined && selectorMatches(selector, labels);
      })
      .map(keyOf);
  };
}

const replicaSet: ControllerDefinition = {
  name: 'replicaset',
  kind: replicaSets,
  watches: [
    { kind: replicaSets, concerns: self },
    { kind: 'pods', concerns: owners(replicaSets, 'ReplicaSet') },
  ],
  plan: (namespace, name, store, nowMs) => {
    const object = store.get(replicaSets, namespace, name);
    if (object === undefined) return nothing;
    return planReplicaSet(object as ReplicaSet, podsIn(store, namespace), nowMs);
  },
};

const deployment: ControllerDefinition = {
  name: 'deployment',
  kind: deployments,
  watches: [
    { kind: deployments, concerns: self },
    { kind: replicaSets, concerns: owners(deployments, 'Deployment') },
    {
      // Recreate waits for the last pod of the ReplicaSets before.
      kind: 'pods',
      concerns: (pod, store) => {
        const owner = controllerOf(pod);
        const { namespace = '' } = pod.metadata;
        if (owner?.kind !== 'ReplicaSet') return [];
        const between = store.get(replicaSets, namespace, owner.name);
        const top = between === undefined ? undefined : controllerOf(between);
        return top?.kind === 'Deployment' ? [`${namespace}/${top.name}`] : [];
      },
    },
  ],
  plan: (namespace, name, store, nowMs) => {
    const object = store.get(deployments, namespace, name);
    if (object === undefined) return nothing;
    return planDeployment(object as Deployment, {
      replicaSets: store.list(replicaSets, { namespace }) as ReplicaSet[],
      pods: podsIn(store, namespace),
      nowMs,
    });
  },
};

const daemonSet: ControllerDefinition = {
  name: 'daemonset',
  kind: daemonSets,
  watches: [
    { kind: daemonSets, concerns: self },
    { kind: 'pods', concerns: owners(daemonSets, 'DaemonSet') },
    { kind: 'nodes', concerns: (_, store) => store.list(daemonSets).map(keyOf) },
  ],
  plan: (namespace, name, store, nowMs) => {
    const object = store.get(daemonSets, namespace, name);
    if (object === undefined) return nothing;
    return planDaemonSet(object as DaemonSet, {
      nodes: store.list('nodes') as NodeObject[],
      pods: podsIn(store, namespace),
      nowMs,
    });
  },
};

const endpointSlice: ControllerDefinition = {
  name: 'endpointslice',
  kind: 'services',
  watches: [
    { kind: 'services', concerns: self },
    {
      // All of the namespace: a pod's labels may have matched another one before.
      kind: 'pods',
      concerns: ({ metadata }, store) =>
        store
          .list('services', { namespace: metadata.namespace ?? '' })
          .filter((service) => selectsPods(service as ServiceObject))
          .map(keyOf),
    },
    {
      kind: endpointSlices,
      concerns: ({ metadata }) => {
        const service = metadata.labels?.['kubernetes.io/service-name'];
        return service === undefined ? [] : [`${metadata.namespace ?? ''}/${service}`];
      },
    },
  ],
  plan: (namespace, name, store) => {
    const object = store.get('services', namespace, name);
    if (object === undefined) return nothing;
    const labelSelector = { 'kubernetes.io/service-name': name };
    const slices = store.list(endpointSlices, { namespace, labelSelector });
    return planEndpointSlices(object as ServiceObject, podsIn(store, namespace), slices);
  },
};

function podsIn(store: ObjectStore, namespace: string): Pod[] {
  return store.list('pods', { namespace }) as Pod[];
}
