// A large cluster as the state of an API server: services of five pods each with their slices, spread over
// namespaces and nodes, and objects as long as those of real clusters are.

import { ObjectTable } from '../../src/standalone/api/storage/object-table.ts';
import type { ApiObject } from '../../src/standalone/api/store.ts';
import { aPod, largeMesh, type MeshSize } from '../config-load/large-mesh.ts';

/** What a real pod carries and nobody reads here. */
const environment = Array.from({ length: 24 }, (_, index) => ({
  name: `SETTING_${index}`,
  value: `the value of setting ${index} of this application, as somebody wrote it`,
}));
const created = '2026-01-01T00:00:00Z';
const managedFields = [
  {
    manager: 'kube-controller-manager',
    operation: 'Update',
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    time: created,
    fieldsV1: {
      'f:spec': Object.fromEntries(
        environment.map(({ name }) => [`k:{"name":"${name}"}`, { 'f:name': {}, 'f:value': {} }]),
      ),
    },
  },
];

/** Writes the state before a server opens it, which is faster than through it. */
export function fillCluster(databasePath: string, size: MeshSize): void {
  using table = new ObjectTable(databasePath);
  let count = 0;
  const put = (kind: string, object: object): void => {
    const { metadata, ...rest } = object as ApiObject;
    const uid = `10000000-0000-4000-8000-${String(count++).padStart(12, '0')}`;
    // Owners that do not exist would have their objects collected.
    const { ownerReferences: _owners, ...own } = metadata;
    const full = { ...own, uid, creationTimestamp: created, managedFields };
    table.put(kind, { ...rest, metadata: full } as unknown as ApiObject);
  };
  const tables = largeMesh({ ...size, pods: 0 });
  for (const namespace of tables.list('Namespace')) put('namespaces', namespace);
  for (const node of tables.list('Node')) put('nodes', node);
  for (const service of tables.list('Service')) put('services', service);
  for (let index = 0; index < size.pods; index++) put('pods', realPod(index, size));
  for (let index = 0; index < size.services; index++) {
    put('discovery.k8s.io/endpointslices', sliceOf(index, size));
  }
}

/** A pod with all that belongs to it; each `version` differs in whether it is ready. */
export function realPod(index: number, size: MeshSize, version = 0): object {
  const { spec, ...rest } = aPod(index, size, version);
  const probe = { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 10 };
  const container = {
    name: 'application',
    image: 'registry.example.com/team/application:1.2.3',
    ports: [{ name: 'http', containerPort: 8080 }],
    env: environment,
    readinessProbe: probe,
    livenessProbe: probe,
    resources: { requests: { cpu: '100m', memory: '128Mi' } },
    volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
  };
  const volumes = [{ name: 'token', emptyDir: {} }];
  return { ...rest, spec: { ...spec, containers: [container], volumes } };
}

function sliceOf(service: number, size: MeshSize): object {
  const pods = [];
  for (let index = service; index < size.pods; index += size.services) pods.push(aPod(index, size));
  const { namespace } = aPod(service, size).metadata;
  const name = `service-${service}`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-abcde`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: pods.map(({ metadata, spec, status }) => ({
      addresses: [status?.podIP],
      conditions: { ready: true },
      nodeName: spec?.nodeName,
      targetRef: { kind: 'Pod', namespace, name: metadata.name },
    })),
  };
}
