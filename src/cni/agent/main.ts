// The node agent's process: settings from the environment, the API from the pod's own account.

import { KubeConfig } from '@kubernetes/client-node';
import { NetworkNamespace } from '../../linux/network-namespace.ts';
import { systemClock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import { createLogger } from '../../runtime/log.ts';
import { createRegistry } from '../../runtime/metrics.ts';
import { readSettings } from '../../runtime/settings.ts';
import { startAgent } from './agent.ts';
import { agentMetrics } from './agent-metrics.ts';
import { closeServer, serveHealth, serveMetrics } from './health-server.ts';
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
  let notReady: readonly string[] = ['the API server, the rules of the node and its sockets'];
  const health = await serveHealth(settings.HEALTH_PORT, () => notReady);
  stack.defer(async () => await closeServer(health));
  const scraped = await serveMetrics(settings.MONITORING_PORT, registry);
  stack.defer(async () => await closeServer(scraped));
  const nodeNamespace = stack.use(NetworkNamespace.current());
  const metrics = agentMetrics(registry);
  const options = { config, settings, nodeNamespace, metrics, clock: systemClock, log };
  stack.use(await startAgent(options, stopping.signal));
  notReady = [];
  await new Promise<void>((resolve) => {
    if (stopping.signal.aborted) resolve();
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  log.info({}, 'stopping; enrolled pods stay enrolled');
}

try {
  await main();
} catch (error) {
  if (!stopping.signal.aborted) {
    startLog.error({ code: codeOf(error), error: causeChain(error) }, 'the node agent cannot run');
    process.exitCode = 1;
  }
}
