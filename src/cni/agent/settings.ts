// The settings of the node agent, from its environment (names are Istio's where Istio has one).

import { type IpAddress, isV6, parseIp } from '../../mesh/address.ts';
import { logLevels } from '../../runtime/log.ts';
import { flag, integer, oneOf, type Setting, type Settings, text } from '../../runtime/settings.ts';

const period = { min: 100, max: 10_000 };
const port = { min: 0, max: 65535 };

/** Every variable the agent reads. */
export const agentSettings = {
  NODE_NAME: text('the node this agent serves'),
  CNI_AGENT_RUN_DIR: text('where the socket for the CNI plugin is', '/var/run/istio-cni'),
  ZTUNNEL_UDS_ADDRESS: text('the socket that ztunnel connects to', '/var/run/ztunnel/ztunnel.sock'),
  NETNS_DIR: text('where the network namespaces of pods are mounted', '/var/run/netns'),
  HOST_PROC: text('the /proc of the node, asked where NETNS_DIR gives nothing', '/host/proc'),
  EXCLUDE_NAMESPACES: list('namespaces that never join, with commas between', 'kube-system'),
  AMBIENT_IPV6: flag('whether IPv6 is redirected too', 'true'),
  AMBIENT_DNS_CAPTURE: flag('whether DNS of pods goes to ztunnel', 'false'),
  AMBIENT_QUARANTINE_ON_FAILURE: flag(
    'whether a running pod is denied when its rules cannot be installed',
    'true',
  ),
  AMBIENT_PROOF_PERIOD_MS: integer('how often each pod is proven, milliseconds', '8000', period),
  HOST_PROBE_SNAT_IP: address('the source address that probes get', '169.254.7.127', 'IPv4'),
  HOST_PROBE_SNAT_IPV6: address(
    'the same for IPv6',
    'fd16:9254:7127:1337:ffff:ffff:ffff:ffff',
    'IPv6',
  ),
  HEALTH_PORT: integer('where /healthz and /readyz are served', '8000', port),
  MONITORING_PORT: integer('where /metrics is served', '15014', port),
  LOG_LEVEL: oneOf('how much is logged', logLevels, 'info'),
} as const;

export type AgentSettings = Settings<typeof agentSettings>;

function list(meaning: string, fallback: string): Setting<ReadonlySet<string>> {
  const read = (raw: string) => ({
    value: new Set(
      raw
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== ''),
    ),
  });
  return { read, meaning, fallback };
}

function address(meaning: string, fallback: string, family: 'IPv4' | 'IPv6'): Setting<IpAddress> {
  const read: Setting<IpAddress>['read'] = (raw) => {
    const value = parseIp(raw);
    if (value === undefined || isV6(value) !== (family === 'IPv6')) {
      return { problem: `must be an ${family} address` };
    }
    return { value };
  };
  return { read, meaning, fallback };
}
