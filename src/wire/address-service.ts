// A service to and from `istio.workload.Service` (protocol section 4.5).

import { create } from '@bufbuild/protobuf';
import { ipToBytes } from '../mesh/address.ts';
import type { LoadBalancing, Service, VirtualAddress } from '../mesh/service.ts';
import {
  addressFromBytes,
  gatewayFromMessage,
  gatewayToMessage,
  portFromMessage,
} from './address-parts.ts';
import {
  AppProtocol,
  IPFamilies,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  type LoadBalancing as LoadBalancingMessage,
  LoadBalancingSchema,
  type NetworkAddress,
  NetworkAddressSchema,
  PortSchema,
  type Service as ServiceMessage,
  ServiceSchema,
  ServiceVisibility,
  WeightedWaypointSchema,
} from './gen/istio/workload_pb.ts';
import { findWord, reject, wordOf } from './result.ts';
import { extensionsFromMessage, extensionsToMessage } from './workload-extensions.ts';

const appProtocols = {
  unknown: AppProtocol.UNKNOWN,
  http11: AppProtocol.HTTP11,
  http2: AppProtocol.HTTP2,
  grpc: AppProtocol.GRPC,
  tcp: AppProtocol.TCP,
  tls: AppProtocol.TLS,
} as const;
const families = {
  automatic: IPFamilies.AUTOMATIC,
  ipv4: IPFamilies.IPV4_ONLY,
  ipv6: IPFamilies.IPV6_ONLY,
  dual: IPFamilies.DUAL,
} as const;
const modes = {
  standard: LoadBalancing_Mode.UNSPECIFIED_MODE,
  strict: LoadBalancing_Mode.STRICT,
  failover: LoadBalancing_Mode.FAILOVER,
  passthrough: LoadBalancing_Mode.PASSTHROUGH,
} as const;
const healthPolicies = {
  'only-healthy': LoadBalancing_HealthPolicy.ONLY_HEALTHY,
  'allow-all': LoadBalancing_HealthPolicy.ALLOW_ALL,
} as const;
const visibilities = {
  public: ServiceVisibility.PUBLIC,
  namespace: ServiceVisibility.NAMESPACE,
} as const;
/** Number 0 is no scope; Istio's proxy rejects it too. */
const scopes = {
  region: LoadBalancing_Scope.REGION,
  zone: LoadBalancing_Scope.ZONE,
  subzone: LoadBalancing_Scope.SUBZONE,
  node: LoadBalancing_Scope.NODE,
  cluster: LoadBalancing_Scope.CLUSTER,
  network: LoadBalancing_Scope.NETWORK,
} as const;

/** Reads a service; rejects through `reject`. */
export function serviceFromMessage(message: ServiceMessage): Service {
  const { name, namespace, hostname, loadBalancing } = message;
  if (namespace === '' || hostname === '') reject('namespace or hostname is empty');
  return {
    name,
    namespace,
    hostname,
    addresses: message.addresses.map(virtualAddress),
    ports: message.ports.map((port) => ({
      ...portFromMessage(port),
      // A protocol of a later version must not cost the whole service.
      appProtocol: findWord(appProtocols, port.appProtocol) ?? 'unknown',
    })),
    subjectAltNames: message.subjectAltNames,
    ...(message.waypoint && { waypoint: gatewayFromMessage(message.waypoint, 'waypoint') }),
    weightedWaypoints: message.weightedWaypoints.map(({ destination, weight }) => ({
      waypoint:
        destination === undefined
          ? reject('weighted_waypoints has an entry without destination')
          : gatewayFromMessage(destination, 'weighted_waypoints'),
      weight,
    })),
    ...(loadBalancing && { loadBalancing: loadBalancingFrom(loadBalancing) }),
    ipFamilies: wordOf(families, message.ipFamilies, 'ip_families'),
    canonical: message.canonical,
    ingressUseWaypoint: message.ingressUseWaypoint,
    // The one enum where an unknown number is read as the default (protocol section 4.5).
    visibility: findWord(visibilities, message.visibility) ?? 'public',
    ...extensionsFromMessage(message.extensions),
  };
}

function virtualAddress(message: NetworkAddress): VirtualAddress {
  const { network, length } = message;
  const address = addressFromBytes(message.address, 'addresses');
  const full = message.address.length * 8;
  if (length === undefined || length === full) return { network, address };
  return length < full ? { network, address, length } : reject(`addresses has length ${length}`);
}

function loadBalancingFrom(message: LoadBalancingMessage): LoadBalancing {
  return {
    mode: wordOf(modes, message.mode, 'load_balancing.mode'),
    routingPreference: message.routingPreference.map((number) =>
      wordOf(scopes, number, 'load_balancing.routing_preference'),
    ),
    healthPolicy: wordOf(healthPolicies, message.healthPolicy, 'load_balancing.health_policy'),
  };
}

/** Writes a service. */
export function serviceToMessage(service: Service): ServiceMessage {
  const { loadBalancing } = service;
  return create(ServiceSchema, {
    name: service.name,
    namespace: service.namespace,
    hostname: service.hostname,
    addresses: service.addresses.map(({ network, address, length }) =>
      create(NetworkAddressSchema, {
        network,
        address: ipToBytes(address),
        ...(length !== undefined && { length }),
      }),
    ),
    ports: service.ports.map(({ servicePort, targetPort, appProtocol }) =>
      create(PortSchema, {
        servicePort,
        targetPort,
        appProtocol: appProtocols[appProtocol],
      }),
    ),
    subjectAltNames: [...service.subjectAltNames],
    ...(service.waypoint && { waypoint: gatewayToMessage(service.waypoint) }),
    weightedWaypoints: service.weightedWaypoints.map(({ waypoint, weight }) =>
      create(WeightedWaypointSchema, { destination: gatewayToMessage(waypoint), weight }),
    ),
    ...(loadBalancing && {
      loadBalancing: create(LoadBalancingSchema, {
        mode: modes[loadBalancing.mode],
        routingPreference: loadBalancing.routingPreference.map((scope) => scopes[scope]),
        healthPolicy: healthPolicies[loadBalancing.healthPolicy],
      }),
    }),
    ipFamilies: families[service.ipFamilies],
    canonical: service.canonical,
    ingressUseWaypoint: service.ingressUseWaypoint,
    visibility: visibilities[service.visibility],
    extensions: extensionsToMessage(service),
  });
}
