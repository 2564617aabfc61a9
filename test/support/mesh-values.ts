// Workloads, services and policies for tests; everything not given is unremarkable.

import { type IpAddress, parseIp } from '../../src/mesh/address.ts';
import type { Authorization, AuthorizationMatch } from '../../src/mesh/authorization.ts';
import type { Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';

/** An address that is known to be one. */
export function ipAddress(text: string): IpAddress {
  const address = parseIp(text);
  if (address === undefined) throw new TypeError(`not an address: ${text}`);
  return address;
}

/** A pod in the mesh, named `name`, in namespace `default`. */
export function aWorkload(name: string, changes: Partial<Workload> = {}): Workload {
  const namespace = changes.namespace ?? 'default';
  return {
    uid: `Kubernetes//Pod/${namespace}/${name}`,
    name,
    namespace,
    addresses: [],
    hostname: '',
    network: '',
    tunnelProtocol: 'hbone',
    trustDomain: 'cluster.local',
    serviceAccount: name,
    node: 'node1',
    canonicalName: name,
    canonicalRevision: 'latest',
    workloadType: 'pod',
    workloadName: name,
    nativeTunnel: false,
    authorizationPolicies: [],
    status: 'healthy',
    clusterId: 'Kubernetes',
    services: new Map(),
    locality: { region: '', zone: '', subzone: '' },
    networkMode: 'standard',
    capacity: 1,
    ...changes,
  };
}

/** A service `name.default.svc.cluster.local` with port 80 to 8080. */
export function aService(name: string, changes: Partial<Service> = {}): Service {
  const namespace = changes.namespace ?? 'default';
  return {
    name,
    namespace,
    hostname: `${name}.${namespace}.svc.cluster.local`,
    addresses: [],
    ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 'unknown' }],
    subjectAltNames: [],
    weightedWaypoints: [],
    ipFamilies: 'automatic',
    canonical: true,
    ingressUseWaypoint: false,
    visibility: 'public',
    ...changes,
  };
}

/** Conditions; the lists not given are empty. */
export function aMatch(changes: Partial<AuthorizationMatch> = {}): AuthorizationMatch {
  return {
    namespaces: [],
    notNamespaces: [],
    principals: [],
    notPrincipals: [],
    sourceIps: [],
    notSourceIps: [],
    destinationIps: [],
    notDestinationIps: [],
    destinationPorts: [],
    notDestinationPorts: [],
    serviceAccounts: [],
    notServiceAccounts: [],
    ...changes,
  };
}

/** A policy of one group per match, in namespace `default`. */
export function aPolicy(
  name: string,
  action: Authorization['action'],
  matches: readonly Partial<AuthorizationMatch>[],
  changes: Partial<Authorization> = {},
): Authorization {
  return {
    name,
    namespace: 'default',
    scope: 'namespace',
    action,
    groups: matches.map((match) => ({ clauses: [{ matches: [aMatch(match)] }] })),
    dryRun: false,
    ...changes,
  };
}

/** What PeerAuthentication in STRICT mode becomes (protocol section 4.10). */
export const strictPolicy = aPolicy(
  'istio_converted_static_strict',
  'deny',
  [{ notPrincipals: [{ kind: 'presence' }] }],
  { namespace: 'istio-system', scope: 'workload' },
);
