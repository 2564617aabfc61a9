// Kubernetes Services to the mesh's services (protocol section 4.7).

import { parseIp } from '../../mesh/address.ts';
import type { LoadBalancing, Service } from '../../mesh/service.ts';
import type { Namespace, ServiceObject, ServicePortSpec } from '../kinds/core.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { protocolOf } from './protocols.ts';
import { failover, preferenceOf } from './traffic-distribution.ts';
import type { PublishedWay } from './waypoint-way.ts';

/** Whether a Service becomes one of the mesh; ExternalName is a DNS matter only. */
export function isMeshService(object: ServiceObject): boolean {
  return object.spec?.type !== 'ExternalName';
}

/** Translates a Service. `way` is where its traffic goes first, if anywhere. */
export function translateService(
  object: ServiceObject,
  namespace: Namespace | undefined,
  way: PublishedWay,
  mesh: MeshOptions,
): Service {
  const name = object.metadata.name;
  const ownNamespace = object.metadata.namespace ?? '';
  const spec = object.spec ?? {};
  const clusterIps = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const loadBalancing = balancingOf(object, namespace);
  return {
    name,
    namespace: ownNamespace,
    hostname: serviceHostname(ownNamespace, name, mesh),
    addresses: clusterIps.flatMap((text) => {
      const address = parseIp(text);
      return address === undefined ? [] : [{ network: mesh.network, address }];
    }),
    ports: (spec.ports ?? []).map((port) => ({
      servicePort: port.port,
      targetPort: fixedTarget(port) ?? 0,
      appProtocol: protocolOf(port),
    })),
    subjectAltNames: [],
    ...way,
    ...(loadBalancing === undefined ? {} : { loadBalancing }),
    ipFamilies: familiesOf(spec.ipFamilies ?? []),
    canonical: true,
    ingressUseWaypoint: ingressUsesWaypoint(object, namespace),
    visibility: 'public',
  };
}

/** The target port of a service port when it is a number; undefined when it is a name. */
export function fixedTarget(port: ServicePortSpec): number | undefined {
  if (port.targetPort === undefined || port.targetPort === 0) return port.port;
  return typeof port.targetPort === 'number' ? port.targetPort : undefined;
}

function familiesOf(families: readonly string[]): Service['ipFamilies'] {
  if (families.length > 1) return 'dual';
  if (families[0] === 'IPv4') return 'ipv4';
  return families[0] === 'IPv6' ? 'ipv6' : 'automatic';
}

/** Whether what comes in through an ingress goes through the waypoint of a service too. */
export function ingressUsesWaypoint(
  object: KubernetesObject,
  namespace: Namespace | undefined,
): boolean {
  const label = 'istio.io/ingress-use-waypoint';
  const own = object.metadata.labels?.[label] ?? namespace?.metadata.labels?.[label];
  return own === 'true';
}

function balancingOf(
  object: ServiceObject,
  namespace: Namespace | undefined,
): LoadBalancing | undefined {
  const spec = object.spec ?? {};
  const healthPolicy = spec.publishNotReadyAddresses === true ? 'allow-all' : 'only-healthy';
  if (spec.internalTrafficPolicy === 'Local') {
    return { mode: 'strict', routingPreference: ['node'], healthPolicy };
  }
  const preference = preferenceOf(spec.trafficDistribution, object, namespace);
  if (preference !== undefined) return failover(preference, healthPolicy);
  if (healthPolicy === 'only-healthy') return undefined;
  return { mode: 'standard', routingPreference: [], healthPolicy };
}
