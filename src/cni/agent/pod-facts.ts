// What the agent knows of a pod and of a namespace, taken from the API's objects once, at the edge.
// Pure.

import type { V1Namespace, V1Pod } from '@kubernetes/client-node';
import { type IpAddress, parseIp } from '../../mesh/address.ts';

/** A pod of this node. */
export interface PodFacts {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly hostNetwork: boolean;
  /** `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`. */
  readonly phase: string;
  /** Deleted, and ending. */
  readonly terminating: boolean;
  /** Empty until the pod has a network and the kubelet has said so. */
  readonly addresses: readonly IpAddress[];
}

/** The labels of a namespace. */
export type NamespaceLabels = ReadonlyMap<string, string>;

/** Reads a pod; undefined for an object that lacks what every stored pod has. */
export function podFacts(pod: V1Pod): PodFacts | undefined {
  const { uid, name, namespace, labels, annotations, deletionTimestamp } = pod.metadata ?? {};
  if (uid === undefined || name === undefined || namespace === undefined) return undefined;
  const texts = (pod.status?.podIPs ?? []).map((entry) => entry.ip);
  if (texts.length === 0) texts.push(pod.status?.podIP ?? '');
  return {
    uid,
    name,
    namespace,
    serviceAccount: pod.spec?.serviceAccountName ?? 'default',
    labels: new Map(Object.entries(labels ?? {})),
    annotations: new Map(Object.entries(annotations ?? {})),
    hostNetwork: pod.spec?.hostNetwork === true,
    phase: pod.status?.phase ?? 'Unknown',
    terminating: deletionTimestamp !== undefined,
    addresses: texts.map(parseIp).filter((address) => address !== undefined),
  };
}

/** Reads the labels of a namespace. */
export function namespaceLabels(namespace: V1Namespace): NamespaceLabels {
  return new Map(Object.entries(namespace.metadata?.labels ?? {}));
}

/** Whether all containers of a pod have ended for good. */
export function hasEnded(pod: PodFacts): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}
