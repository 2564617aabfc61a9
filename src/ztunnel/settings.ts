// What the node proxy can be told, by the names that Istio's has (protocol section 7.7).

import { type IpAddress, isV6, parseIp, splitHostPort } from '../mesh/address.ts';
import { AmbitError } from '../runtime/errors.ts';
import { logLevels } from '../runtime/log.ts';
import { readNameServers } from '../runtime/resolv-conf.ts';
import {
  duration,
  flag,
  integer,
  oneOf,
  type Setting,
  type Settings,
  text,
} from '../runtime/settings.ts';
import type { DnsOptions } from './dns/dns-parts.ts';

export const settingsTable = {
  XDS_ADDRESS: text('HOST:PORT of the controller', 'istiod.istio-system.svc:15012'),
  CA_ADDRESS: text('HOST:PORT of the certificate authority', 'istiod.istio-system.svc:15012'),
  XDS_ROOT_CA: text(
    'root that the controller is checked against: a file, PEM itself, or SYSTEM',
    '/var/run/secrets/istio/root-cert.pem',
  ),
  CA_ROOT_CA: text('the same for the certificate authority; as XDS_ROOT_CA when empty', ''),
  ALT_XDS_HOSTNAME: text(
    "the name in the controller's certificate, if not that of XDS_ADDRESS",
    '',
  ),
  ALT_CA_HOSTNAME: text("the name in the authority's certificate, if not that of CA_ADDRESS", ''),
  SECRET_TTL: duration('how long certificates should last', '24h'),
  CRL_PATH: text('file with revocation lists; nothing is revoked when empty', ''),
  AUTH_TOKEN: text(
    'service account token for the controller: a file, or the token itself',
    '/var/run/secrets/tokens/istio-token',
  ),
  XDS_ON_DEMAND: flag(
    'whether workloads and services are asked for when a connection needs them, instead of all at the start; needs ISTIO_META_DNS_CAPTURE=false',
    'false',
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
  ISTIO_META_DNS_CAPTURE: flag('whether names are answered for pods', 'true'),
  ISTIO_META_DNS_PROXY_ADDR: podAddress(
    'HOST:PORT in each pod to answer names on',
    'localhost:15053',
  ),
  PREFERED_SERVICE_NAMESPACE: text('whose services go first among those of one name', ''),
  IPV6_ENABLED: flag('whether names are answered with IPv6 addresses, and over IPv6', 'true'),
  LOCALHOST_APP_TUNNEL: flag(
    'whether applications that take the PROXY protocol are reached on loopback',
    'true',
  ),
  ENABLE_RESPONSE_BAGGAGE: flag(
    'whether metrics are labelled by what peers say of their workloads, and peers are told the same',
    'true',
  ),
  ADMIN_PORT: integer('the admin port, on loopback', '15000', { min: 0, max: 65_535 }),
  STATS_PORT: integer('the metrics port', '15020', { min: 0, max: 65_535 }),
  READINESS_PORT: integer('the readiness port', '15021', { min: 0, max: 65_535 }),
  TERMINATION_GRACE_PERIOD_SECONDS: integer('how long the pod may take to end', '30', {
    min: 1,
    max: 3_600,
  }),
  ISTIO_META_ISTIO_VERSION: text('the version to be shown in istio_build', 'unknown'),
  CONNECTION_TERMINATION_DEADLINE: deadline(
    'how long open connections may go on after the order to end: a duration, `none`, or `auto` for what the grace period leaves',
    'auto',
  ),
  LOG_LEVEL: oneOf('how much is logged', logLevels, 'info'),
};

export type ZtunnelSettings = Settings<typeof settingsTable>;

/** Throws AMB1004 where settings contradict each other: names cannot be answered from what has not been
 * asked for. */
export function checkSettings(settings: ZtunnelSettings): void {
  if (!settings.XDS_ON_DEMAND || !settings.ISTIO_META_DNS_CAPTURE) return;
  throw new AmbitError('AMB1004', 'XDS_ON_DEMAND=true needs ISTIO_META_DNS_CAPTURE=false');
}

/** What the settings say about names; undefined when they are not to be answered. */
export function dnsOptions(settings: ZtunnelSettings): DnsOptions | undefined {
  if (!settings.ISTIO_META_DNS_CAPTURE) return undefined;
  const { hosts, port } = settings.ISTIO_META_DNS_PROXY_ADDR;
  const ipv6 = settings.IPV6_ENABLED;
  return {
    hosts: hosts.filter((host) => ipv6 || !isV6(host)),
    port,
    domain: settings.CLUSTER_DOMAIN,
    ipv6,
    preferredNamespace: settings.PREFERED_SERVICE_NAMESPACE,
    nameServers: () => readNameServers(),
  };
}

/** An address within a pod; `localhost` is loopback of both families. */
function podAddress(
  meaning: string,
  fallback: string,
): Setting<{ readonly hosts: readonly IpAddress[]; readonly port: number }> {
  const read: ReturnType<typeof podAddress>['read'] = (raw) => {
    const { host = '', port = 0 } = splitHostPort(raw) ?? {};
    const hosts = host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
    const addresses = hosts.flatMap((one) => parseIp(one) ?? []);
    if (addresses.length > 0) return { value: { hosts: addresses, port } };
    return { problem: 'must be HOST:PORT, with localhost or an IP address as HOST' };
  };
  return { read, meaning, fallback };
}

/** The longest that a timer can wait, near 25 days: as good as never. */
const neverMs = 2 ** 31 - 1;

/** How long open connections may go on after the order to end. By default what Istio derives from the
 * pod's grace period, so that the end is the proxy's own. Milliseconds. */
export function drainDeadlineMs(settings: ZtunnelSettings): number {
  const { CONNECTION_TERMINATION_DEADLINE: told } = settings;
  if (told === 'none') return neverMs;
  if (told !== 'auto') return told;
  const grace = settings.TERMINATION_GRACE_PERIOD_SECONDS;
  return Math.max(1, grace > 10 ? grace - 5 : grace - 1) * 1_000;
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

function deadline(meaning: string, fallback: string): Setting<number | 'auto' | 'none'> {
  const read: Setting<number | 'auto' | 'none'>['read'] = (raw) => {
    if (raw === 'auto' || raw === 'none') return { value: raw };
    const [, count, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(raw) ?? [];
    const value = Number(count) * unitsMs[(unit ?? 'ms') as keyof typeof unitsMs];
    if (value >= 1 && value <= neverMs) return { value };
    return { problem: 'must be a duration such as 30s or 5m, `none` or `auto`' };
  };
  return { read, meaning, fallback };
}
