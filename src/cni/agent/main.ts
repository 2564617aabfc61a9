// The node agent's process: settings from the environment, the API from the pod's own account.

import { once } from 'node:events';
import { KubeConfig } from '@kubernetes/client-node';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { systemClock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import { createLogger, type Logger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { readSettings } from '../../runtime/settings.ts';
import type { ExitDecision } from '../install/exit-decision.ts';
import { type Agent, nodeSettingsOf, startAgent } from './agent.ts';
import { agentMetrics } from './agent-metrics.ts';
import { closeServer, serveHealth, serveMetrics } from './health-server.ts';
import { tryKernel } from './kernel-trial.ts';
import { exitWithoutPlugin, NodeInstallation } from './node-installation.ts';
import { OwnNode } from './own-node.ts';
import { agentSettings } from './settings.ts';

const startLog = createLogger('node-agent', 'info');
const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());

async function main(): Promise<void> {
  const settings = readSettings(agentSettings, process.env);
  const log = createLogger('node-agent', settings.LOG_LEVEL);
  const registry = createRegistry();
  const config = new KubeConfig();
  config.loadFromCluster();
  await using stack = new AsyncDisposableStack();
  const { signal } = stopping;
  let notReady = (): readonly string[] => ['the API server, the rules of the node and its sockets'];
  const health = await serveHealth(settings.HEALTH_PORT, () => notReady());
  stack.defer(async () => await closeServer(health));
  const scraped = await serveMetrics(settings.MONITORING_PORT, registry);
  stack.defer(async () => await closeServer(scraped));
  const nodeNamespace = stack.use(NetworkNamespace.current());
  const metrics = agentMetrics(registry);
  const options = { config, settings, nodeNamespace, metrics, clock: systemClock, log };
  await tryKernel(nodeSettingsOf(settings));
  const agent = stack.use(await startAgent(options, signal));
  const node = new OwnNode({ config, nodeName: settings.NODE_NAME, clock: systemClock, log });
  // Only now, so that other pods can start on a node where the agent cannot. A node that was started
  // again has the plugin already.
  const installation = settings.CNI_INSTALL
    ? stack.use(await NodeInstallation.start({ ...options, node }))
    : undefined;
  notReady = () => installation?.waitingFor ?? [];
  if (settings.UNTAINT_NODE) {
    const ready = installation?.ready ?? Promise.resolve();
    void ready.then(async () => await node.untaint(signal));
  }
  if (!signal.aborted) await once(signal, 'abort');
  const exit = await (installation?.decideExit() ?? exitWithoutPlugin(config, settings));
  await end(agent, installation, exit, log);
}

/** Pods and plugin outlive the agent, unless it was uninstalled. */
async function end(
  agent: Agent,
  installation: NodeInstallation | undefined,
  { leave, reason }: ExitDecision,
  log: Logger,
): Promise<void> {
  if (leave === 'installed') {
    log.info({ reason }, 'stopping; enrolled pods stay enrolled');
    return;
  }
  log.info({ reason }, leave === 'clean' ? 'uninstalling' : 'removing the plugin');
  await installation?.remove();
  if (leave === 'clean') await agent.uninstall(`uninstalled: ${reason}`);
}

try {
  await main();
} catch (error) {
  if (!stopping.signal.aborted) {
    startLog.error({ code: codeOf(error), error: causeChain(error) }, 'the node agent cannot run');
    process.exitCode = 1;
  }
}
