// Pods as the API server would admit them, for tests.

import type { PodPlace } from '../../../src/standalone/kubelet/downward.ts';
import type { Container, Pod, PodSpec } from '../../../src/standalone/kubelet/pod-types.ts';

/** A pod with one container `main`. */
export function pod(container: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'u1',
      labels: { app: 'web', tier: 'front' },
      annotations: { note: 'a "quoted" word' },
    },
    spec: { nodeName: 'node1', containers: [{ name: 'main', ...container }], ...spec },
  };
}

/** The first container of a pod. */
export function main(of: Pod): Container {
  return of.spec.containers[0]!;
}

export const place: PodPlace = {
  hostIps: ['172.30.0.11', 'fd00:30::11'],
  podIps: ['10.244.1.2', 'fd00:10:244:1::2'],
  allocatable: { cpu: 2, memory: 1024 ** 3 },
};
