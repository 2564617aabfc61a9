// The settings of the node agent, from its environment (names are Istio's where Istio has one).

import { type IpAddress, isV6, parseIp } from '../../mesh/address.ts';
import { logLevels } from '../../runtime/log.ts';
import { flag, integer, oneOf, type Setting, type Settings, text } from '../../runtime/settings.ts';

const period = { min: 100, max: 10_000 };
const port = { min: 0, max: 65535 };

/** Every variable the agent reads. */
export const agentSettings = {
  NODE_NAME: text('the node this agent serves'),
  POD_NAMESPACE: text('the namespace of this agent', 'istio-system'),
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
  CNI_INSTALL: flag('whether the agent installs the CNI plugin on its node', 'false'),
  CNI_PLUGIN: text('the program to install', '/opt/cni/bin/ambit-cni'),
  CNI_BIN_DIR: text("the node's folder of CNI plugins", '/opt/cni/bin'),
  MOUNTED_CNI_BIN_DIR: text('where the agent sees that folder', '/host/opt/cni/bin'),
  CNI_NET_DIR: text("the node's folder of CNI configurations", '/etc/cni/net.d'),
  MOUNTED_CNI_NET_DIR: text('where the agent sees that folder', '/host/etc/cni/net.d'),
  CNI_CONF_GROUP_READ: flag("whether a new configuration's group may read it", 'false'),
  ISTIO_OWNED_CNI_CONFIG: flag(
    "whether the plugin goes into a file of the mesh's own, a copy of the node's that comes first",
    'false',
  ),
  ISTIO_OWNED_CNI_CONFIG_FILENAME: fileName('the name of that file', '02-ambit-cni.conflist'),
  AMBIENT_DISABLE_SAFE_UPGRADE: flag(
    'whether the plugin is removed whenever the agent ends, so that pods may start unprotected',
    'false',
  ),
  UNTAINT_NODE: flag('whether cni.istio.io/not-ready is removed from the node', 'false'),
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

function fileName(meaning: string, fallback: string): Setting<string> {
  const read: Setting<string>['read'] = (raw) =>
    /^[\w.-]+\.conflist$/.test(raw)
      ? { value: raw }
      : { problem: 'must be a file name that ends on .conflist' };
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
