// The objects of a large mesh: services of five pods each, spread over namespaces and nodes.

import type { Pod, ServiceObject } from '../../src/controller/kinds/core.ts';
import { ObjectTables } from '../../src/controller/objects.ts';

export interface MeshSize {
  readonly services: number;
  readonly pods: number;
}

const namespaces = 200;
const nodes = 500;

/** Tables as they are after all has been listed. */
export function largeMesh(size: MeshSize, tables = new ObjectTables()): ObjectTables {
  for (let index = 0; index < namespaces; index++) {
    const metadata = { name: `namespace-${index}`, labels: {} };
    tables.set('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata });
  }
  for (let index = 0; index < nodes; index++) {
    const labels = {
      'topology.kubernetes.io/region': 'north',
      'topology.kubernetes.io/zone': `north-${index % 3}`,
    };
    tables.set('Node', { apiVersion: 'v1', kind: 'Node', metadata: { name: `n${index}`, labels } });
  }
  for (let index = 0; index < size.services; index++) tables.set('Service', aService(index));
  for (let index = 0; index < size.pods; index++) tables.set('Pod', aPod(index, size));
  return tables;
}

function aService(index: number): ServiceObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${index}`, namespace: `namespace-${index % namespaces}` },
    spec: {
      clusterIP: `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
      selector: { app: `service-${index}` },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'metrics', port: 9090 },
      ],
    },
  };
}

/** A pod; each `version` is another object of the same name, which differs in whether it is ready. */
export function aPod(index: number, { services }: MeshSize, version = 0): Pod {
  const service = index % services;
  const high = 128 + (index >> 16);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `service-${service}-5d8f9c7b6-${index}`,
      namespace: `namespace-${service % namespaces}`,
      uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      resourceVersion: String(version),
      labels: { app: `service-${service}`, version: 'v1', 'pod-template-hash': '5d8f9c7b6' },
      annotations: { 'ambient.istio.io/redirection': 'enabled' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `service-${service}-5d8f9c7b6`,
          uid: 'x',
          controller: true,
        },
      ],
    },
    spec: { nodeName: `n${index % nodes}`, serviceAccountName: `service-${service}` },
    status: {
      phase: 'Running',
      podIP: `10.${high}.${(index >> 8) & 255}.${index & 255}`,
      conditions: [
        { type: 'Ready', status: version % 2 === 0 ? 'True' : 'False', reason: '', message: '' },
      ],
    },
  } as Pod;
}
