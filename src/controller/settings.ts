// What the controller can be told. Names are Istio's where Istio has one.

import { type Cidr, isV6, parseCidr } from '../mesh/address.ts';
import { AmbitError } from '../runtime/errors.ts';
import { logLevels } from '../runtime/log.ts';
import { flag, integer, oneOf, type Settings, text } from '../runtime/settings.ts';
import { fieldManager } from './desired.ts';
import { type AddressRanges, maskCidr } from './translate/cidr.ts';
import { type MeshOptions, withRevision } from './translate/mesh-options.ts';
import { defaultRevision } from './translate/scope.ts';

const seconds = { min: 60, max: 10 * 365 * 86_400 } as const;
const port = { min: 0, max: 65_535 } as const;

/** All settings of the controller. */
export const controllerSettings = {
  POD_NAME: text('name of the pod, for logs', 'istiod'),
  POD_NAMESPACE: text(
    'namespace of the controller; policies here are for the whole mesh',
    'istio-system',
  ),
  REVISION: text(
    'revision of this control plane, followed by tags that mean it, by comma; label istio.io/rev names them',
    defaultRevision,
  ),
  CLUSTER_ID: text('name of the cluster in uids of workloads', 'Kubernetes'),
  TRUST_DOMAIN: text('trust domain of all identities', 'cluster.local'),
  CLUSTER_DOMAIN: text('DNS suffix of services', 'cluster.local'),
  CA_TRUSTED_NODE_ACCOUNTS: text(
    'NAMESPACE/NAME of accounts that may ask for identities of pods on their node, by comma',
    'istio-system/ztunnel',
  ),
  DEFAULT_WORKLOAD_CERT_TTL_SECONDS: integer('validity of certificates', '86400', seconds),
  MAX_WORKLOAD_CERT_TTL_SECONDS: integer('longest validity given', '7776000', seconds),
  PILOT_ENABLE_CA_CRL: flag('whether revocation lists are given to proxies', 'true'),
  PILOT_IP_AUTOALLOCATE_IPV4_PREFIX: text(
    'network that ServiceEntries without addresses get some of',
    '240.240.0.0/16',
  ),
  PILOT_IP_AUTOALLOCATE_IPV6_PREFIX: text('the same for IPv6', '2001:2::/48'),
  ISTIOD_CUSTOM_HOST: text('more DNS names that proxies may call the controller, by comma', '-'),
  WAYPOINT_IMAGE: text('program of waypoints', 'ambit/waypoint'),
  OTEL_EXPORTER_OTLP_ENDPOINT: text('where waypoints send spans; none are made when empty', ''),
  LISTEN_HOST: text('address to listen on', '::'),
  GRPC_PORT: integer('configuration and certificates, TLS', '15012', port),
  MONITORING_PORT: integer('metrics and debug', '15014', port),
  WEBHOOK_PORT: integer('validating webhook, TLS', '15017', port),
  VALIDATION_WEBHOOK_CONFIG_NAME: text(
    'the ValidatingWebhookConfiguration to keep; istio-validator[-REVISION]-NAMESPACE when empty',
    '',
  ),
  READINESS_PORT: integer('readiness', '8080', port),
  LOG_LEVEL: oneOf('how much is logged', logLevels, 'info'),
} as const;

export type ControllerSettings = Settings<typeof controllerSettings>;

/** What the whole mesh has in common. @throws AmbitError AMB1004 when a range is no network of its family */
export function meshOptions(settings: ControllerSettings): MeshOptions {
  return {
    clusterId: settings.CLUSTER_ID,
    trustDomain: settings.TRUST_DOMAIN,
    clusterDomain: settings.CLUSTER_DOMAIN,
    rootNamespace: settings.POD_NAMESPACE,
    network: '',
    revisions: revisions(settings),
    addressRanges: addressRanges(settings),
  };
}

/** The ranges of addresses for ServiceEntries. */
function addressRanges(settings: ControllerSettings): AddressRanges {
  return {
    ipv4: rangeOf(settings, 'PILOT_IP_AUTOALLOCATE_IPV4_PREFIX', false),
    ipv6: rangeOf(settings, 'PILOT_IP_AUTOALLOCATE_IPV6_PREFIX', true),
  };
}

function rangeOf(
  settings: ControllerSettings,
  name: 'PILOT_IP_AUTOALLOCATE_IPV4_PREFIX' | 'PILOT_IP_AUTOALLOCATE_IPV6_PREFIX',
  ipv6: boolean,
): Cidr {
  const range = parseCidr(settings[name]);
  if (range !== undefined && isV6(range.address) === ipv6) return maskCidr(range);
  throw new AmbitError(
    'AMB1004',
    `${name}: "${settings[name]}" is no ${ipv6 ? 'IPv6' : 'IPv4'} network`,
  );
}

/** The revision of this control plane, first, and the tags that mean it. */
export function revisions({ REVISION }: ControllerSettings): readonly string[] {
  const names = REVISION.split(',').map((name) => name.trim());
  const known = names.filter((name) => name !== '');
  return known.length === 0 ? [defaultRevision] : known;
}

/** The name of the Service of the controller, as Istio's. */
export function serviceName(settings: ControllerSettings): string {
  return withRevision('istiod', revisions(settings)[0]);
}

/** The name that the controller's own fields of objects are kept under: control planes tell each other apart
 * by it. */
export function fieldManagerOf(settings: ControllerSettings): string {
  const { POD_NAMESPACE } = settings;
  const name = withRevision(fieldManager, revisions(settings)[0]);
  return POD_NAMESPACE === 'istio-system' ? name : `${name}.${POD_NAMESPACE}`;
}

/** The DNS names that proxies call the controller by. */
export function servingNames(settings: ControllerSettings): string[] {
  const { POD_NAMESPACE, CLUSTER_DOMAIN, ISTIOD_CUSTOM_HOST } = settings;
  const more = ISTIOD_CUSTOM_HOST.split(',').map((name) => name.trim());
  const names = new Set(['istiod', serviceName(settings)]);
  return [
    ...[...names].flatMap((name) => [
      `${name}.${POD_NAMESPACE}.svc`,
      `${name}.${POD_NAMESPACE}.svc.${CLUSTER_DOMAIN}`,
    ]),
    ...more.filter((name) => name !== '' && name !== '-'),
  ];
}
