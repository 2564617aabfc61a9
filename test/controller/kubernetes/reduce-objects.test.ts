import * as assert from 'uvu/assert';
import type { KubernetesObject } from '../../../src/controller/kinds/object.ts';
import { reduced } from '../../../src/controller/kubernetes/reduce-objects.ts';
import { suite } from '../../support/suite.ts';

const test = suite('what is kept of objects');

test('of a pod: what workloads are made of, and nothing else', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'p' },
      annotations: {
        'ambient.istio.io/redirection': 'enabled',
        'cni.projectcalico.org/podIP': 'x',
      },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'p-1', uid: 'r' }],
      managedFields: [{ manager: 'kubelet' }],
    },
    spec: {
      nodeName: 'node1',
      serviceAccountName: 'p',
      volumes: [{ name: 'v' }],
      containers: [
        {
          name: 'c',
          image: 'i',
          env: [{ name: 'A', value: 'b' }],
          ports: [{ name: 'http', containerPort: 80 }],
        },
        { name: 'without', image: 'i' },
      ],
      initContainers: [{ name: 'i', restartPolicy: 'Always', ports: [{ containerPort: 81 }] }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [
        { type: 'Ready', status: 'True', reason: '', message: '' },
        { type: 'Initialized', status: 'True', reason: '', message: '' },
      ],
      containerStatuses: [{ name: 'c' }],
    },
  };
  const kept = reduced('Pod', pod as unknown as KubernetesObject);
  assert.equal(kept, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'p' },
      annotations: { 'ambient.istio.io/redirection': 'enabled' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'p-1', uid: 'r' }],
    },
    spec: {
      nodeName: 'node1',
      serviceAccountName: 'p',
      containers: [{ ports: [{ name: 'http', containerPort: 80 }] }],
      initContainers: [{ ports: [{ containerPort: 81 }], restartPolicy: 'Always' }],
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [{ type: 'Ready', status: 'True', reason: '', message: '' }],
    },
  });
});

test('of everything else: neither who wrote it nor its older text', () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 's',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', other: 'kept' },
      managedFields: [],
    },
    spec: { ports: [{ port: 80 }] },
  };
  assert.equal(reduced('Service', service), {
    ...service,
    metadata: { name: 's', annotations: { other: 'kept' } },
  });
});

test.run();
