// Pods, policies and facts for the tests of the enrolment check.

import type {
  EnrolmentFacts,
  Labels,
  NetworkPolicyObject,
  PodObject,
} from '../../src/cli/enrolment/facts.ts';

/** A ready pod `NAMESPACE/NAME` with the label app=NAME. */
export function pod(
  path: string,
  changes: {
    readonly labels?: Labels;
    readonly annotations?: Labels;
    readonly spec?: PodObject['spec'];
    readonly ip?: string;
    readonly phase?: string;
    readonly isReady?: boolean;
  } = {},
): PodObject {
  const [namespace = '', name = ''] = path.split('/');
  const { labels, annotations, spec, ip = '10.0.0.1', phase = 'Running', isReady = true } = changes;
  return {
    metadata: {
      name,
      namespace,
      labels: { app: name, ...labels },
      ...(annotations && { annotations }),
    },
    spec: { nodeName: 'n1', containers: [{ name: 'main' }], ...spec },
    status: {
      phase,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    },
  };
}

/** The pods of a mesh that is ready on node n1. */
export const meshPods: readonly PodObject[] = ['istiod', 'ztunnel', 'istio-cni-node'].map((name) =>
  pod(`istio-system/${name}`),
);

/** A waypoint of a namespace. */
export function waypointPod(path: string): PodObject {
  return pod(path, {
    labels: {
      'istio.io/dataplane-mode': 'none',
      'gateway.istio.io/managed': 'istio.io-mesh-controller',
      'gateway.networking.k8s.io/gateway-name': path.split('/')[1] ?? '',
    },
  });
}

/** A NetworkPolicy `NAMESPACE/NAME`. */
export function policy(path: string, spec: NetworkPolicyObject['spec']): NetworkPolicyObject {
  const [namespace = '', name = ''] = path.split('/');
  return { metadata: { namespace, name }, spec: spec ?? {} };
}

/** Namespace `shop` is to be enrolled; `front` is in the mesh, `plain` is not. */
export function factsWith(changes: Partial<EnrolmentFacts> = {}): EnrolmentFacts {
  return {
    namespace: 'shop',
    namespaces: new Map<string, Labels>([
      ['shop', { team: 'shop' }],
      ['front', { 'istio.io/dataplane-mode': 'ambient', team: 'front' }],
      ['plain', {}],
      ['istio-system', {}],
    ]),
    meshNamespace: 'istio-system',
    services: [],
    policies: [],
    otherPolicies: new Map(),
    peerAuthentications: [],
    excluded: new Set(['kube-system']),
    connections: { known: 0, silent: [] },
    ...changes,
    pods: [...meshPods, ...(changes.pods ?? [pod('shop/web')])],
  };
}
