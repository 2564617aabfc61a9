// The two services that every cluster has: its API server and its name server. Both live on the nodes
// themselves, so their endpoints are the nodes' addresses.

import type { ApiObject, ObjectStore } from '../api/store.ts';
import { type AddressPair, dnsAddress } from './address-plan.ts';

/** Where the API server listens inside every node. */
export const apiPort = 6443;
export const apiAddress: AddressPair = { ipv4: '10.96.0.1', ipv6: 'fd00:10:96::1' };
const fieldManager = 'ambit-network';

interface Place {
  readonly name: string;
  readonly addresses: AddressPair;
}

interface NodeService {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: AddressPair;
  readonly ports: readonly {
    readonly name: string;
    readonly port: number;
    readonly target: number;
    readonly protocol: 'TCP' | 'UDP';
  }[];
}

const nodeServices: readonly NodeService[] = [
  {
    namespace: 'default',
    name: 'kubernetes',
    labels: { component: 'apiserver', provider: 'kubernetes' },
    addresses: apiAddress,
    ports: [{ name: 'https', port: 443, target: apiPort, protocol: 'TCP' }],
  },
  {
    namespace: 'kube-system',
    name: 'kube-dns',
    labels: { 'k8s-app': 'kube-dns' },
    addresses: dnsAddress,
    ports: [
      { name: 'dns', port: 53, target: 53, protocol: 'UDP' },
      { name: 'dns-tcp', port: 53, target: 53, protocol: 'TCP' },
    ],
  },
];

/** Makes or renews the services and their endpoints. @throws StatusError */
export function publishClusterServices(store: ObjectStore, nodes: readonly Place[]): void {
  for (const service of nodeServices) {
    store.apply(serviceObject(service), fieldManager);
    for (const family of ['ipv4', 'ipv6'] as const) {
      store.apply(sliceObject(service, nodes, family), fieldManager);
    }
  }
}

function serviceObject({ namespace, name, labels, addresses, ports }: NodeService): ApiObject {
  const clusterIPs = [addresses.ipv4, addresses.ipv6];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, labels },
    spec: {
      type: 'ClusterIP',
      clusterIP: addresses.ipv4,
      clusterIPs,
      ipFamilyPolicy: 'PreferDualStack',
      ipFamilies: ['IPv4', 'IPv6'],
      ports: ports.map(({ target, ...port }) => ({ ...port, targetPort: target })),
    },
  };
}

function sliceObject(
  service: NodeService,
  nodes: readonly Place[],
  family: 'ipv4' | 'ipv6',
): ApiObject {
  const { namespace, name, ports } = service;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: `${name}-${family}`,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
    endpoints: nodes.map((node) => ({
      addresses: [node.addresses[family]],
      conditions: { ready: true },
      nodeName: node.name,
    })),
    ports: ports.map((port) => ({ name: port.name, port: port.target, protocol: port.protocol })),
  };
}
