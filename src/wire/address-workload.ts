// A workload to and from `istio.workload.Workload` (protocol section 4.5). Defaults that Istio
// leaves off the wire are put back here, so that nothing behind this file knows of them.

import { create } from '@bufbuild/protobuf';
import { ipToBytes } from '../mesh/address.ts';
import type { PortMapping, ServiceKey, Workload } from '../mesh/workload.ts';
import {
  addressFromBytes,
  gatewayFromMessage,
  gatewayToMessage,
  portFromMessage,
} from './address-parts.ts';
import {
  ApplicationTunnel_Protocol,
  ApplicationTunnelSchema,
  LocalitySchema,
  NetworkMode,
  type PortList,
  PortListSchema,
  PortSchema,
  TunnelProtocol,
  type Workload as WorkloadMessage,
  WorkloadSchema,
  WorkloadStatus,
  WorkloadType,
} from './gen/istio/workload_pb.ts';
import { reject, wordOf } from './result.ts';
import { extensionsFromMessage, extensionsToMessage } from './workload-extensions.ts';

const workloadTypes = {
  deployment: WorkloadType.DEPLOYMENT,
  cronjob: WorkloadType.CRONJOB,
  pod: WorkloadType.POD,
  job: WorkloadType.JOB,
} as const;
const statuses = {
  healthy: WorkloadStatus.HEALTHY,
  unhealthy: WorkloadStatus.UNHEALTHY,
} as const;
const tunnelProtocols = { none: TunnelProtocol.NONE, hbone: TunnelProtocol.HBONE } as const;
const networkModes = { standard: NetworkMode.STANDARD, host: NetworkMode.HOST_NETWORK } as const;
const applicationProtocols = {
  none: ApplicationTunnel_Protocol.NONE,
  proxy: ApplicationTunnel_Protocol.PROXY,
} as const;
const defaultTrustDomain = 'cluster.local';

/** Reads a workload; rejects through `reject`. */
export function workloadFromMessage(message: WorkloadMessage): Workload {
  if (message.uid === '') reject('uid is empty');
  if (message.tunnelProtocol === TunnelProtocol.LEGACY_ISTIO_MTLS)
    reject('tunnel_protocol LEGACY_ISTIO_MTLS is not supported');
  const { uid, name, namespace, hostname, network, node, locality } = message;
  return {
    uid,
    name,
    namespace,
    addresses: message.addresses.map((bytes) => addressFromBytes(bytes, 'addresses')),
    hostname,
    network,
    tunnelProtocol: wordOf(tunnelProtocols, message.tunnelProtocol, 'tunnel_protocol'),
    trustDomain: message.trustDomain || defaultTrustDomain,
    serviceAccount: message.serviceAccount || 'default',
    ...(message.waypoint && { waypoint: gatewayFromMessage(message.waypoint, 'waypoint') }),
    ...(message.networkGateway && {
      networkGateway: gatewayFromMessage(message.networkGateway, 'network_gateway'),
    }),
    node,
    canonicalName: message.canonicalName,
    canonicalRevision: message.canonicalRevision,
    workloadType: wordOf(workloadTypes, message.workloadType, 'workload_type'),
    workloadName: message.workloadName,
    nativeTunnel: message.nativeTunnel,
    authorizationPolicies: message.authorizationPolicies,
    status: wordOf(statuses, message.status, 'status'),
    clusterId: message.clusterId || 'Kubernetes',
    services: servicesFromMessage(message.services),
    ...(message.applicationTunnel && {
      applicationTunnel: {
        protocol: wordOf(
          applicationProtocols,
          message.applicationTunnel.protocol,
          'application_tunnel.protocol',
        ),
        port: message.applicationTunnel.port & 0xffff,
      },
    }),
    locality: {
      region: locality?.region ?? '',
      zone: locality?.zone ?? '',
      subzone: locality?.subzone ?? '',
    },
    networkMode: wordOf(networkModes, message.networkMode, 'network_mode'),
    capacity: Math.max(1, message.capacity ?? 1),
    ...extensionsFromMessage(message.extensions),
  };
}

function servicesFromMessage(
  message: Record<string, PortList>,
): ReadonlyMap<ServiceKey, readonly PortMapping[]> {
  const services = new Map<ServiceKey, readonly PortMapping[]>();
  for (const [key, list] of Object.entries(message)) {
    if (!isServiceKey(key)) reject(`services key ${key} is not NAMESPACE/HOSTNAME`);
    services.set(key, list.ports.map(portFromMessage));
  }
  return services;
}

function isServiceKey(key: string): key is ServiceKey {
  return /^[^/]+\/[^/]+$/.test(key);
}

/** Writes a workload. */
export function workloadToMessage(workload: Workload): WorkloadMessage {
  const { locality, applicationTunnel, trustDomain, capacity } = workload;
  const hasLocality = locality.region !== '' || locality.zone !== '' || locality.subzone !== '';
  return create(WorkloadSchema, {
    uid: workload.uid,
    name: workload.name,
    namespace: workload.namespace,
    addresses: workload.addresses.map(ipToBytes),
    hostname: workload.hostname,
    network: workload.network,
    tunnelProtocol: tunnelProtocols[workload.tunnelProtocol],
    trustDomain: trustDomain === defaultTrustDomain ? '' : trustDomain,
    serviceAccount: workload.serviceAccount,
    ...(workload.waypoint && { waypoint: gatewayToMessage(workload.waypoint) }),
    ...(workload.networkGateway && { networkGateway: gatewayToMessage(workload.networkGateway) }),
    node: workload.node,
    canonicalName: workload.canonicalName,
    canonicalRevision: workload.canonicalRevision,
    workloadType: workloadTypes[workload.workloadType],
    workloadName: workload.workloadName,
    nativeTunnel: workload.nativeTunnel,
    authorizationPolicies: [...workload.authorizationPolicies],
    status: statuses[workload.status],
    clusterId: workload.clusterId,
    services: servicesToMessage(workload.services),
    ...(applicationTunnel && {
      applicationTunnel: create(ApplicationTunnelSchema, {
        protocol: applicationProtocols[applicationTunnel.protocol],
        port: applicationTunnel.port,
      }),
    }),
    ...(hasLocality && { locality: create(LocalitySchema, { ...locality }) }),
    networkMode: networkModes[workload.networkMode],
    ...(capacity !== 1 && { capacity }),
    extensions: extensionsToMessage(workload),
  });
}

/** Sorted, so that equal workloads give equal bytes. */
function servicesToMessage(services: Workload['services']): Record<string, PortList> {
  const sorted = [...services].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(
    sorted.map(([key, ports]) => [
      key,
      create(PortListSchema, { ports: ports.map((port) => create(PortSchema, { ...port })) }),
    ]),
  );
}
