// Two nodes' proxies with one pod each, on real redirection, for the tests of this folder. State is fed
// directly, certificates come from an authority in this process.

import { applyRedirection } from '../../src/cni/redirect/apply.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { Authorization } from '../../src/mesh/authorization.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import { NodeProxy } from '../../src/ztunnel/node-proxy.ts';
import { addresses, makePodNetwork, type PodNetwork, probeAddresses } from '../cni/pod-network.ts';
import { TestAuthority } from '../support/certificates.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';

/** Everything a test needs. */
export interface TwoPods {
  readonly network: PodNetwork;
  /** The proxy of pod alpha's node, and that of pod beta's. */
  readonly proxies: { readonly alpha: NodeProxy; readonly beta: NodeProxy };
  readonly registries: { readonly alpha: MetricsRegistry; readonly beta: MetricsRegistry };
  readonly workloads: { readonly alpha: Workload; readonly beta: Workload };
  /** `echo`, port 80, to beta's 8080. */
  readonly service: Service;
  /** Tells both proxies. */
  publish(change: Published): void;
}

/** What the controller would send. */
export interface Published {
  readonly workloads?: readonly Workload[];
  readonly services?: readonly Service[];
  readonly policies?: readonly Authorization[];
  readonly removedPolicies?: readonly string[];
}

export const serviceAddresses = { ipv4: '10.96.0.20', ipv6: 'fd96::20' } as const;

/** Starts both proxies with their pods redirected. */
export async function startTwoPods(stack: AsyncDisposableStack): Promise<TwoPods> {
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
        log: silentLogger,
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
  const publish = (change: Published): void => {
    for (const proxy of Object.values(proxies)) publishTo(proxy, change);
  };
  publish({ workloads: Object.values(workloads), services: [service] });
  for (const name of ['alpha', 'beta'] as const) {
    const pod = { uid: `uid-${name}`, name, namespace: 'default', serviceAccount: name };
    const problem = proxies[name].pods.add(pod, NetworkNamespace.open(network.paths[name]));
    if (problem !== '') throw new Error(problem);
    await applyRedirection(network[name], {
      ipv6: true,
      captureDns: false,
      bypassInbound: false,
      virtualInterfaces: [],
      probeAddresses,
    });
  }
  return { network, proxies, registries, workloads, service, publish };
}

function podWorkload(name: 'alpha' | 'beta', changes: Partial<Workload> = {}): Workload {
  const { ipv4, ipv6 } = addresses[name];
  return aWorkload(name, { addresses: [ipAddress(ipv4), ipAddress(ipv6)], node: name, ...changes });
}

function publishTo(proxy: NodeProxy, change: Published): void {
  const updated = new Map();
  for (const workload of change.workloads ?? []) {
    updated.set(workload.uid, { kind: 'workload', workload });
  }
  for (const service of change.services ?? []) {
    updated.set(keyOfService(service), { kind: 'service', service });
  }
  if (updated.size > 0) proxy.state.applyAddresses({ updated, removed: [] });
  const { policies = [], removedPolicies = [] } = change;
  if (policies.length + removedPolicies.length === 0) return;
  proxy.state.applyAuthorizations({
    updated: new Map(policies.map((policy) => [`${policy.namespace}/${policy.name}`, policy])),
    removed: removedPolicies,
  });
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
