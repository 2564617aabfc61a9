// What is kept of objects in memory: what is read of them. Of a pod of a large cluster that is about a
// tenth. Pure.

import type { Node, Pod } from '../kinds/core.ts';
import type { KindName } from '../kinds/kinds.ts';
import type { KubernetesObject, ObjectMeta } from '../kinds/object.ts';

/** The object once more, inside an annotation. */
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Pods carry annotations of many tools; those of the mesh have names like these. */
const meshAnnotation = /(?:istio|ambit)\.io\//;

/** An object without what nobody here reads. */
export function reduced(kind: KindName, object: KubernetesObject): KubernetesObject {
  switch (kind) {
    case 'Pod':
      return reducedPod(object as Pod);
    case 'Node': {
      const { apiVersion, metadata } = object as Node;
      return { apiVersion, kind, metadata: reducedMeta(metadata, () => false) };
    }
    case 'Deployment':
    case 'ServiceAccount':
    case 'PodDisruptionBudget':
    case 'HorizontalPodAutoscaler': {
      const { apiVersion, metadata } = object;
      return { apiVersion, kind, metadata: reducedMeta(metadata) };
    }
    default:
      return { ...object, metadata: reducedMeta(object.metadata) };
  }
}

function reducedMeta(
  metadata: ObjectMeta,
  keeps: (annotation: string) => boolean = (name) => name !== lastAppliedAnnotation,
): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = metadata;
  const { deletionTimestamp, labels, annotations, ownerReferences } = metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => keeps(key));
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(generation !== undefined && { generation }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(labels && { labels }),
    ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }),
    ...(ownerReferences && { ownerReferences }),
  };
}

function reducedPod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { nodeName, serviceAccountName, hostNetwork, containers, initContainers } = spec ?? {};
  const ports = (all: typeof initContainers) =>
    (all ?? [])
      .filter((one) => one.ports !== undefined)
      .map((one) => ({
        ports: one.ports ?? [],
        ...(one.restartPolicy !== undefined && { restartPolicy: one.restartPolicy }),
      }));
  const withPorts = ports(containers);
  const initWithPorts = ports(initContainers);
  const { phase, podIP, podIPs, conditions } = status ?? {};
  const ready = (conditions ?? []).filter(({ type }) => type === 'Ready');
  return {
    apiVersion,
    kind,
    metadata: reducedMeta(metadata, (key) => meshAnnotation.test(key)),
    spec: {
      ...(nodeName !== undefined && { nodeName }),
      ...(serviceAccountName !== undefined && { serviceAccountName }),
      ...(hostNetwork !== undefined && { hostNetwork }),
      ...(withPorts.length > 0 && { containers: withPorts }),
      ...(initWithPorts.length > 0 && { initContainers: initWithPorts }),
    },
    status: {
      ...(phase !== undefined && { phase }),
      ...(podIP !== undefined && { podIP }),
      ...(podIPs && { podIPs }),
      ...(ready.length > 0 && { conditions: ready }),
    },
  };
}
