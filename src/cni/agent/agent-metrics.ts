// What the agent counts.

import type { MetricsRegistry } from '../../runtime/metrics.ts';

/** The agent's metrics by event. */
export interface AgentMetrics {
  connected(ztunnels: number): void;
  enrolled(pods: number): void;
  joined(): void;
  failed(code: string): void;
  problem(kind: string): void;
  unproven(pods: number): void;
  installed(is: boolean): void;
  repaired(part: 'configuration' | 'program'): void;
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
  const problems = registry.counter<'kind'>({
    name: 'ambit_redirection_problems_total',
    help: 'what was found wrong with the redirection of enrolled pods, by kind',
    labels: ['kind'],
  });
  const unproven = registry.gauge({
    name: 'ambit_unproven_pods',
    help: 'enrolled pods whose redirection is not proven',
  });
  const installed = registry.gauge({
    name: 'ambit_cni_installed',
    help: 'whether new pods of this node come by the CNI plugin: 1 or 0',
  });
  const repairs = registry.counter<'part'>({
    name: 'ambit_cni_repairs_total',
    help: 'how often the CNI plugin was put back on the node, by what was missing: program or configuration',
    labels: ['part'],
  });
  unproven.set({}, 0);
  installed.set({}, 0);
  connected.set({}, 0);
  enrolled.set({}, 0);
  return {
    connected: (ztunnels) => connected.set({}, ztunnels),
    enrolled: (pods) => enrolled.set({}, pods),
    joined: () => joined.add({}),
    problem: (kind) => problems.add({ kind }),
    unproven: (pods) => unproven.set({}, pods),
    installed: (is) => installed.set({}, is ? 1 : 0),
    repaired: (part) => repairs.add({ part }),
    failed: (code) => failures.add({ code }),
  };
}
