// The node agent: sees to it that exactly those pods of its node are in the mesh that should be.
// This file puts its parts together, in the order of protocol section 2.5: first what is known of
// pods, then ztunnel, then new pods.

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import type { IpAddress } from '../../mesh/address.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { kubeletUid, ProbeExemption } from '../redirect/probe-exemption.ts';
import type { RedirectSettings } from '../redirect/rules.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { Enrolment } from './enrol.ts';
import type { FoundNamespace } from './found-namespace.ts';
import { Members } from './members.ts';
import { Membership } from './membership.ts';
import { NodeObjects } from './node-objects.ts';
import { PluginServer } from './plugin-server.ts';
import { hasEnded, type PodFacts } from './pod-facts.ts';
import { PodFeedServer } from './pod-feed-server.ts';
import { findPodNamespace, type NamespaceFolder } from './pod-namespace.ts';
import { ApiPodStatus, redirectionAnnotation } from './pod-status.ts';
import { redirectChoices } from './redirect-choices.ts';
import type { AgentSettings } from './settings.ts';

export interface AgentOptions {
  readonly config: KubeConfig;
  readonly settings: AgentSettings;
  /** The node's namespace. */
  readonly nodeNamespace: NetworkNamespace;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

const probeRuleRetry = { firstMs: 100, maxMs: 2_000, jitter: 0.2 };

/** A running agent. Disposing of it leaves enrolled pods enrolled. */
export interface Agent extends AsyncDisposable {
  /** Takes all pods out of the mesh, and the rule for probes off the node. */
  uninstall(reason: string): Promise<void>;
}

/** Starts an agent; it is ready when this resolves.
 * @param signal ends a start that does not come to its end
 * @throws when a socket cannot be made */
export async function startAgent(options: AgentOptions, signal: AbortSignal): Promise<Agent> {
  const { config, settings, metrics, clock, log } = options;
  await using stack = new AsyncDisposableStack();
  const nodeName = settings.NODE_NAME;
  const nodeSettings = nodeSettingsOf(settings);
  const where = {
    folder: settings.NETNS_DIR,
    nodeId: options.nodeNamespace.id,
    processes: settings.HOST_PROC,
  };
  const members = stack.use(new Members((count) => metrics.enrolled(count)));
  const status = new ApiPodStatus({ config, nodeName, clock, log });

  // What hears of changes is made of the parts that tell of them.
  const late: { membership?: Membership } = {};
  const onPod = (uid: string): void => late.membership?.request(uid);
  const objects = stack.use(new NodeObjects({ config, nodeName, onPod, clock, log }));
  await objects.listed(signal);
  for (const pod of objects.pods()) adopt(pod, { members, where, nodeSettings, log });

  const probes = await exemptProbes(options, members, signal);
  mkdirSync(path.dirname(settings.ZTUNNEL_UDS_ADDRESS), { recursive: true });
  const feed = stack.use(
    new PodFeedServer({
      path: settings.ZTUNNEL_UDS_ADDRESS,
      snapshot: () => members.snapshot(),
      onConnections: (count) => {
        metrics.connected(count);
        // Pods that waited for a ztunnel need wait no longer.
        if (count > 0) late.membership?.requestAll();
      },
      clock,
      log,
    }),
  );
  const enrolment = new Enrolment({
    members,
    feed,
    probes,
    status,
    log,
    clock,
    quarantineOnFailure: settings.AMBIENT_QUARANTINE_ON_FAILURE,
    onProblem: (kind) => metrics.problem(kind),
    onUnproven: (pods) => metrics.unproven(pods),
  });
  const excluded = settings.EXCLUDE_NAMESPACES;
  const proofPeriodMs = settings.AMBIENT_PROOF_PERIOD_MS;
  const shared = {
    proofPeriodMs,
    members,
    enrolment,
    probes,
    objects,
    status,
    where,
    nodeSettings,
    excluded,
  };
  const keeper = stack.use(new Membership({ ...shared, metrics, clock, log }));
  late.membership = keeper;
  keeper.requestAll();

  const answer = keeper.admit.bind(keeper);
  const runDirectory = settings.CNI_AGENT_RUN_DIR;
  stack.use(await PluginServer.listen({ runDirectory, answer, log }));
  log.info({ node: nodeName, enrolled: members.list().length }, 'ready');
  return agentOf(stack.move(), keeper, probes);
}

function agentOf(
  running: AsyncDisposableStack,
  membership: Membership,
  probes: ProbeExemption,
): Agent {
  return {
    uninstall: async (reason) => {
      await membership.dismissAll(reason);
      await probes.uninstall();
    },
    [Symbol.asyncDispose]: async () => await running.disposeAsync(),
  };
}

/** What pods get that choose nothing. */
export function nodeSettingsOf(settings: AgentSettings): RedirectSettings {
  return {
    ipv6: settings.AMBIENT_IPV6,
    captureDns: settings.AMBIENT_DNS_CAPTURE,
    bypassInbound: false,
    virtualInterfaces: [],
    probeAddresses: {
      ipv4: settings.HOST_PROBE_SNAT_IP,
      ipv6: settings.HOST_PROBE_SNAT_IPV6,
    },
  };
}

/** Takes over a pod that an agent before this one enrolled. Its rules are compared later; a pod
 * that should not be in the mesh any more leaves it then. */
function adopt(
  pod: PodFacts,
  context: {
    readonly members: Members;
    readonly where: NamespaceFolder;
    readonly nodeSettings: RedirectSettings;
    readonly log: Logger;
  },
): void {
  const { members, where, nodeSettings, log } = context;
  if (pod.annotations.get(redirectionAnnotation) !== 'enabled' || hasEnded(pod)) return;
  const { settings } = redirectChoices(pod, nodeSettings);
  let found: FoundNamespace | undefined;
  try {
    found = findPodNamespace(pod.addresses, where, pod.uid);
  } catch (error) {
    const name = `${pod.namespace}/${pod.name}`;
    log.warn(
      { code: codeOf(error), error: causeChain(error), pod: name },
      'enrolled pod not found yet',
    );
  }
  members.set({ pod, netns: found?.namespace, file: found?.file, settings, joined: true });
}

/** Installs the exemption of probes with all adopted pods, however long the kernel refuses it. */
async function exemptProbes(
  options: AgentOptions,
  members: Members,
  signal: AbortSignal,
): Promise<ProbeExemption> {
  const { nodeNamespace, settings, clock, log } = options;
  const { ipv6, probeAddresses } = nodeSettingsOf(settings);
  const processes = existsSync(settings.HOST_PROC) ? settings.HOST_PROC : '/proc';
  const probeSettings = { ipv6, kubeletUid: kubeletUid(processes), probeAddresses };
  const probes = new ProbeExemption(nodeNamespace, probeSettings);
  const addresses = new Map<IpAddress, string>();
  for (const { pod } of members.list()) {
    for (const address of pod.addresses) addresses.set(address, pod.uid);
  }
  const backoff = new Backoff(probeRuleRetry, clock);
  for (;;) {
    try {
      await probes.install(addresses);
      return probes;
    } catch (error) {
      log.error(
        { code: codeOf(error), error: causeChain(error) },
        'trying the rule for probes again',
      );
      await backoff.wait(signal);
    }
  }
}
