// The settings of a waypoint process; names as Istio has them.

import { logLevels } from '../runtime/log.ts';
import { flag, integer, oneOf, type Settings, text } from '../runtime/settings.ts';

const port = { min: 0, max: 65_535 };

/** Every setting. */
export const settingsTable = {
  XDS_ADDRESS: text('where configuration comes from', 'istiod.istio-system.svc:15012'),
  CA_ADDRESS: text('where certificates come from', 'istiod.istio-system.svc:15012'),
  XDS_ROOT_CA: text('file with the root certificate', '/var/run/secrets/istio/root-cert.pem'),
  CRL_PATH: text('file with revocation lists; nothing is revoked when empty', ''),
  AUTH_TOKEN: text('file with the token', '/var/run/secrets/tokens/istio-token'),
  POD_NAME: text('the name of this pod'),
  POD_NAMESPACE: text('the namespace of this pod'),
  SERVICE_ACCOUNT: text('the service account of this pod'),
  INSTANCE_IP: text('the address of this pod'),
  NODE_NAME: text('the node this pod runs on'),
  GATEWAY_NAME: text('the Gateway that this pod serves'),
  CLUSTER_ID: text('the name of the cluster', 'Kubernetes'),
  CLUSTER_DOMAIN: text('the domain of service names', 'cluster.local'),
  TRUST_DOMAIN: text('the trust domain of this pod', 'cluster.local'),

  IPV6_ENABLED: flag('whether host names of endpoints are asked for IPv6 addresses too', 'true'),
  NETWORK: text('the network of this pod; empty in a mesh of one network', ''),
  HBONE_PORT: integer('the port of the tunnel', '15008', port),
  ADMIN_PORT: integer('the admin port, on loopback', '15000', port),
  STATS_PORT: integer('the metrics port', '15020', port),
  READINESS_PORT: integer('the readiness port', '15021', port),
  TERMINATION_GRACE_PERIOD_SECONDS: integer('time to drain', '30', { min: 1, max: 86_400 }),
  OTEL_EXPORTER_OTLP_ENDPOINT: text('where spans go by OTLP; none are made when empty', ''),
  ISTIO_META_ISTIO_VERSION: text('the version to be shown in istio_build', 'unknown'),
  ACCESS_LOG_ENCODING: oneOf(
    'the form of the access log; empty for JSON with the fields of the decision',
    ['', 'TEXT', 'JSON'],
    '',
  ),
  ACCESS_LOG_FORMAT: text(
    "the format, with Envoy's command operators; Istio's default when empty",
    '',
  ),
  LOG_LEVEL: oneOf('how much is logged', logLevels, 'info'),
} as const;

export type WaypointSettings = Settings<typeof settingsTable>;

/** How long draining may take, in milliseconds: a little less than the pod is given. */
export function drainDeadlineMs(graceSeconds: number): number {
  return Math.max(1, graceSeconds > 10 ? graceSeconds - 5 : graceSeconds - 1) * 1000;
}
