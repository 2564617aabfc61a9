// What the node proxy can be told, by the names that Istio's has (protocol section 7.7).

import { logLevels } from '../runtime/log.ts';
import { integer, oneOf, type Settings, text } from '../runtime/settings.ts';

export const settingsTable = {
  XDS_ADDRESS: text('HOST:PORT of the controller', 'istiod.istio-system.svc:15012'),
  CA_ADDRESS: text('HOST:PORT of the certificate authority', 'istiod.istio-system.svc:15012'),
  XDS_ROOT_CA: text(
    'file with the root that the controller is checked against',
    '/var/run/secrets/istio/root-cert.pem',
  ),
  AUTH_TOKEN: text(
    'file with the service account token for the controller',
    '/var/run/secrets/tokens/istio-token',
  ),
  NODE_NAME: text('the node that this proxy serves'),
  POD_NAME: text('the name of this pod'),
  POD_NAMESPACE: text('the namespace of this pod', 'istio-system'),
  SERVICE_ACCOUNT: text('the service account of this pod', 'ztunnel'),
  INSTANCE_IP: text('the address of this pod', '1.1.1.1'),
  CLUSTER_ID: text('the name of the cluster', 'Kubernetes'),
  CLUSTER_DOMAIN: text('the DNS domain of the cluster', 'cluster.local'),
  NETWORK: text('the network that this node is on; empty with only one', ''),
  INPOD_UDS: text('the socket of the node agent', '/var/run/ztunnel/ztunnel.sock'),
  ADMIN_PORT: integer('the admin port, on loopback', '15000', { min: 0, max: 65_535 }),
  STATS_PORT: integer('the metrics port', '15020', { min: 0, max: 65_535 }),
  READINESS_PORT: integer('the readiness port', '15021', { min: 0, max: 65_535 }),
  TERMINATION_GRACE_PERIOD_SECONDS: integer('how long the pod may take to end', '30', {
    min: 1,
    max: 3_600,
  }),
  ISTIO_META_ISTIO_VERSION: text('the version to be shown in istio_build', 'unknown'),
  LOG_LEVEL: oneOf('how much is logged', logLevels, 'info'),
};

export type ZtunnelSettings = Settings<typeof settingsTable>;

/** How long open connections may go on after the order to end: what Istio derives from the pod's grace
 * period, so that the end is the proxy's own. Milliseconds. */
export function drainDeadlineMs({
  TERMINATION_GRACE_PERIOD_SECONDS: grace,
}: ZtunnelSettings): number {
  return Math.max(1, grace > 10 ? grace - 5 : grace - 1) * 1_000;
}
