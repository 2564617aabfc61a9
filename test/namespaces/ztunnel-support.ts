// Two nodes' proxies with one pod each, on real redirection, for the tests of this folder. State is fed
// directly, certificates come from an authority in this process.

import { applyRedirection } from '../../src/cni/redirect/apply.ts';
import type { HostLookup } from '../../src/dataplane/dns/look-up-host.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Logger, silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import type { DnsOptions } from '../../src/ztunnel/dns/dns-parts.ts';
import { NodeProxy } from '../../src/ztunnel/node-proxy.ts';
import { addresses, makePodNetwork, type PodNetwork, probeAddresses } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type Published, publish } from '../support/mesh-state.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';

/** Everything a test needs. */
export interface TwoPods {
  readonly network: PodNetwork;
  /** Who signs the certificates of the pods. */
  readonly authority: TestAuthority;
  /** The proxy of pod alpha's node, and that of pod beta's. */
  readonly proxies: { readonly alpha: NodeProxy; readonly beta: NodeProxy };
  readonly registries: { readonly alpha: MetricsRegistry; readonly beta: MetricsRegistry };
  readonly workloads: { readonly alpha: Workload; readonly beta: Workload };
  /** `echo`, port 80, to beta's 8080. */
  readonly service: Service;
  /** Tells both proxies. */
  readonly publish: (change: Published) => void;
}

export const serviceAddresses = { ipv4: '10.96.0.20', ipv6: 'fd96::20' } as const;

/** Starts both proxies with their pods redirected; with `dns`, names go to the proxies too. */
export async function startTwoPods(
  stack: AsyncDisposableStack,
  {
    dns,
    log = silentLogger,
    ...switches
  }: {
    readonly dns?: DnsOptions;
    readonly log?: Logger;
    readonly loopbackTunnel?: boolean;
    readonly baggage?: boolean;
    readonly hostLookup?: HostLookup;
  } = {},
): Promise<TwoPods> {
  const network = await makePodNetwork(stack);
  const authority = new TestAuthority();
  const registries = { alpha: createRegistry(), beta: createRegistry() };
  const start = (node: 'alpha' | 'beta'): NodeProxy =>
    stack.use(
      new NodeProxy({
        node,
        network: '',
        certificateSource: (identity) => authority.issue(identity),
        configVersion: () => 'c0ffee',
        registry: registries[node],
        clock: systemClock,
        log,
        ...(dns && { dns }),
        hostLookup: { nameServers: () => Promise.resolve([]), ipv6: true },
        ...switches,
        random: Math.random,
      }),
    );
  const proxies = { alpha: start('alpha'), beta: start('beta') };
  const service = aService('echo', {
    addresses: Object.values(serviceAddresses).map((text) => ({
      network: '',
      address: ipAddress(text),
    })),
  });
  const workloads = {
    alpha: podWorkload('alpha'),
    beta: podWorkload('beta', { services: new Map([[keyOfService(service), service.ports]]) }),
  };
  const publishToBoth = (change: Published): void => {
    for (const { state } of Object.values(proxies)) publish(state, change);
  };
  publishToBoth({ workloads: Object.values(workloads), services: [service] });
  for (const name of ['alpha', 'beta'] as const) {
    const pod = { uid: `uid-${name}`, name, namespace: 'default', serviceAccount: name };
    const problem = proxies[name].pods.add(pod, NetworkNamespace.open(network.paths[name]));
    if (problem !== '') throw new Error(problem);
    await applyRedirection(network[name], {
      ipv6: true,
      captureDns: dns !== undefined,
      bypassInbound: false,
      virtualInterfaces: [],
      probeAddresses,
    });
  }
  return { network, authority, proxies, registries, workloads, service, publish: publishToBoth };
}

function podWorkload(name: 'alpha' | 'beta', changes: Partial<Workload> = {}): Workload {
  const { ipv4, ipv6 } = addresses[name];
  return aWorkload(name, { addresses: [ipAddress(ipv4), ipAddress(ipv6)], node: name, ...changes });
}

/** The newest record that fits, waited for. */
export async function nextRecord(
  proxy: NodeProxy,
  fits: (record: DecisionRecord) => boolean,
  signal: AbortSignal,
): Promise<DecisionRecord> {
  for (;;) {
    const found = proxy.decisions.find({ limit: 1_000 }).find(fits);
    if (found !== undefined) return found;
    await systemClock.wait(10, signal);
  }
}
