// What the agent counts.

import type { MetricsRegistry } from '../../runtime/metrics.ts';

/** The agent's metrics by event. */
export interface AgentMetrics {
  connected(ztunnels: number): void;
  enrolled(pods: number): void;
  joined(): void;
  failed(code: string): void;
}

/** Registers the metrics; `ztunnel_connected` is Istio's name. */
export function agentMetrics(registry: MetricsRegistry): AgentMetrics {
  const connected = registry.gauge({
    name: 'ztunnel_connected',
    help: 'ztunnels connected to the node agent',
  });
  const enrolled = registry.gauge({
    name: 'ambit_enrolled_pods',
    help: 'pods of this node that are in the mesh',
  });
  const joined = registry.counter({
    name: 'ambit_enrolments_total',
    help: 'pods that joined the mesh',
  });
  const failures = registry.counter<'code'>({
    name: 'ambit_enrolment_failures_total',
    help: 'failed attempts to bring a pod where it belongs, by error code',
    labels: ['code'],
  });
  connected.set({}, 0);
  enrolled.set({}, 0);
  return {
    connected: (ztunnels) => connected.set({}, ztunnels),
    enrolled: (pods) => enrolled.set({}, pods),
    joined: () => joined.add({}),
    failed: (code) => failures.add({ code }),
  };
}
