// Istio's metrics of the pods that a node proxy serves (protocol section 7.1).

import type { MetricsRegistry } from '../../runtime/metrics.ts';
import type { PodSet } from './pod-set.ts';

type ListedPods = ReturnType<PodSet['list']>;

/** To be called with the pods whenever they have changed. */
export function workloadManagerMetrics(registry: MetricsRegistry): (pods: ListedPods) => void {
  const gauge = (name: string, help: string) => registry.gauge({ name, help });
  const counter = (name: string, help: string) => registry.counter({ name, help });
  const active = gauge('workload_manager_active_proxy_count', 'Pods served.');
  const pending = gauge('workload_manager_pending_proxy_count', 'Pods that can not be served yet.');
  const started = counter('workload_manager_proxies_started_total', 'Pods that came into service.');
  const stopped = counter('workload_manager_proxies_stopped_total', 'Pods that left service.');
  let running = new Set<string>();
  return (pods) => {
    const up = new Set(pods.filter(({ state }) => state === 'Up').map(({ pod }) => pod.uid));
    active.set({}, up.size);
    pending.set({}, pods.length - up.size);
    for (const uid of up) if (!running.has(uid)) started.add({});
    for (const uid of running) if (!up.has(uid)) stopped.add({});
    running = up;
  };
}
