// State and certificates in the shape of Istio's config_dump, which istioctl reads (protocol section
// 7.6). Absent and default values are left out.

import { X509Certificate } from 'node:crypto';
import type { Authorization, AuthorizationMatch, StringMatch } from '../mesh/authorization.ts';
import { keyOfService, type Service } from '../mesh/service.ts';
import type { GatewayAddress, Workload } from '../mesh/workload.ts';
import type { CertificateStore } from './certificates/certificate-store.ts';
import type { MeshState } from './state/mesh-state.ts';

/** All workloads, by uid. */
export function workloadDump(state: MeshState): readonly object[] {
  return sorted(state.workloads(), ({ uid }) => uid).map(dumpWorkload);
}

function dumpWorkload(workload: Workload): object {
  const { waypoint, networkGateway, locality, addresses } = workload;
  return {
    workloadIps: addresses,
    ...(waypoint && { waypoint: dumpGateway(waypoint) }),
    ...(networkGateway && { networkGateway: dumpGateway(networkGateway) }),
    protocol: workload.tunnelProtocol === 'hbone' ? 'HBONE' : 'TCP',
    networkMode: workload.networkMode === 'host' ? 'HostNetwork' : 'Standard',
    ...present({
      uid: workload.uid,
      name: workload.name,
      namespace: workload.namespace,
      trustDomain: workload.trustDomain,
      serviceAccount: workload.serviceAccount,
      network: workload.network,
      workloadName: workload.workloadName,
      workloadType: workload.workloadType,
      canonicalName: workload.canonicalName,
      canonicalRevision: workload.canonicalRevision,
      hostname: workload.hostname,
      node: workload.node,
    }),
    ...(workload.nativeTunnel && { nativeTunnel: true }),
    ...(workload.applicationTunnel && {
      applicationTunnel: {
        protocol: workload.applicationTunnel.protocol.toUpperCase(),
        port: workload.applicationTunnel.port,
      },
    }),
    ...(workload.authorizationPolicies.length > 0 && {
      authorizationPolicies: workload.authorizationPolicies,
    }),
    status: capital(workload.status),
    clusterId: workload.clusterId,
    ...(Object.values(locality).some((part) => part !== '') && {
      locality: present({ ...locality }),
    }),
    ...(workload.services.size > 0 && { services: [...workload.services.keys()] }),
    capacity: workload.capacity,
  };
}

/** All services, by host name. */
export function serviceDump(state: MeshState): readonly object[] {
  return sorted(state.services(), ({ hostname }) => hostname).map((service) =>
    dumpService(state, service),
  );
}

function dumpService(state: MeshState, service: Service): object {
  const { waypoint, loadBalancing, weightedWaypoints, ipFamilies } = service;
  const families = { automatic: undefined, dual: 'Dual', ipv4: 'IPv4', ipv6: 'IPv6' } as const;
  const endpoints = state.endpointsOf(keyOfService(service));
  const whole = service.addresses.filter(({ length }) => length === undefined);
  const networks = service.addresses.filter(({ length }) => length !== undefined);
  return {
    name: service.name,
    namespace: service.namespace,
    hostname: service.hostname,
    vips: whole.map(({ network, address }) => `${network}/${address}`),
    ...(networks.length > 0 && {
      cidrVips: networks.map(({ network, address, length }) => ({
        network,
        cidr: `${address}/${length}`,
      })),
    }),
    ports: portMap(service.ports),
    endpoints: Object.fromEntries(
      endpoints.map(({ workload, ports }) => [
        workload.uid,
        { workloadUid: workload.uid, port: portMap(ports), status: capital(workload.status) },
      ]),
    ),
    subjectAltNames: service.subjectAltNames,
    ...(waypoint && { waypoint: dumpGateway(waypoint) }),
    ...(weightedWaypoints.length > 0 && {
      weightedWaypoints: weightedWaypoints.map((one) => ({
        ...dumpGateway(one.waypoint),
        weight: one.weight,
      })),
    }),
    ...(loadBalancing && {
      loadBalancer: {
        routingPreferences: loadBalancing.routingPreference.map(capital),
        mode: capital(loadBalancing.mode),
        healthPolicy: loadBalancing.healthPolicy === 'allow-all' ? 'AllowAll' : 'OnlyHealthy',
      },
    }),
    ...(families[ipFamilies] && { ipFamilies: families[ipFamilies] }),
    canonical: service.canonical,
    visibility: capital(service.visibility),
  };
}

/** All policies, by key. */
export function policyDump(state: MeshState): readonly object[] {
  const key = ({ namespace, name }: Authorization): string => `${namespace}/${name}`;
  const scopes = {
    global: 'Global',
    namespace: 'Namespace',
    workload: 'WorkloadSelector',
  } as const;
  return sorted(state.authorizations(), key).map((policy) => ({
    name: policy.name,
    namespace: policy.namespace,
    scope: scopes[policy.scope],
    action: capital(policy.action),
    rules: policy.groups.map(({ clauses }) => clauses.map(({ matches }) => matches.map(dumpMatch))),
    dryRun: policy.dryRun,
  }));
}

function dumpMatch(match: AuthorizationMatch): object {
  const texts = (list: readonly StringMatch[]) => list.map(dumpText);
  const fields: Readonly<Record<string, readonly unknown[]>> = {
    ...match,
    namespaces: texts(match.namespaces),
    notNamespaces: texts(match.notNamespaces),
    principals: texts(match.principals),
    notPrincipals: texts(match.notPrincipals),
    sourceIps: match.sourceIps.map(({ address, length }) => `${address}/${length}`),
    notSourceIps: match.notSourceIps.map(({ address, length }) => `${address}/${length}`),
    destinationIps: match.destinationIps.map(({ address, length }) => `${address}/${length}`),
    notDestinationIps: match.notDestinationIps.map(({ address, length }) => `${address}/${length}`),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, list]) => list.length > 0));
}

function dumpText(match: StringMatch): object {
  return match.kind === 'presence' ? { Presence: [] } : { [capital(match.kind)]: match.value };
}

/** All certificates kept. PEM is Base64 again, as istioctl expects. */
export function certificateDump(certificates: CertificateStore): readonly object[] {
  return certificates.states().map(({ identity, certificate, failure }) => ({
    identity,
    state: stateOf(certificate, failure),
    certChain: dumpPem(certificate?.certChainPem),
    rootCerts: dumpPem(certificate?.rootsPem),
  }));
}

function stateOf(certificate: object | undefined, failure: Error | undefined): string {
  if (certificate !== undefined) return 'Available';
  return failure === undefined ? 'Initializing' : `Unavailable: ${failure.message}`;
}

function dumpPem(pem = ''): readonly object[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
  return blocks.map((block) => {
    const { serialNumber, validFrom, validTo } = new X509Certificate(block);
    return {
      pem: Buffer.from(block).toString('base64'),
      serialNumber: BigInt(`0x${serialNumber}`).toString(),
      validFrom: seconds(validFrom),
      expirationTime: seconds(validTo),
    };
  });
}

function seconds(time: string): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

function dumpGateway({ destination, hbonePort }: GatewayAddress): object {
  const name =
    destination.kind === 'hostname'
      ? `${destination.namespace}/${destination.hostname}`
      : `${destination.network}/${destination.address}`;
  return { destination: name, hboneMtlsPort: hbonePort };
}

function portMap(ports: readonly { servicePort: number; targetPort: number }[]): object {
  return Object.fromEntries(ports.map(({ servicePort, targetPort }) => [servicePort, targetPort]));
}

function present(fields: Readonly<Record<string, string>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function sorted<T>(values: Iterable<T>, key: (value: T) => string): readonly T[] {
  return [...values].toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}
