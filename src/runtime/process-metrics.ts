// What every process says of itself, under the names that Prometheus' own clients use.

import { readdirSync, readFileSync } from 'node:fs';
import { resourceUsage } from 'node:process';
import type { MetricsRegistry } from './metrics.ts';

/** Registers the metrics of this process; they are read when a scraper asks. */
export function processMetrics(registry: MetricsRegistry, nowMs: number): void {
  const gauge = (name: string, help: string) => registry.gauge({ name, help });
  const openFiles = gauge('process_open_fds', 'File descriptors open now.');
  const maxFiles = gauge('process_max_fds', 'File descriptors that may be open.');
  const memory = gauge('process_resident_memory_bytes', 'Memory in use, in bytes.');
  const started = gauge(
    'process_start_time_seconds',
    'Start of the process, in seconds since 1970.',
  );
  const cpu = registry.counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time used, in seconds.',
  });
  started.set({}, nowMs / 1_000 - process.uptime());
  let counted = 0;
  registry.beforeReading(() => {
    const { userCPUTime, systemCPUTime } = resourceUsage();
    const used = (userCPUTime + systemCPUTime) / 1e6;
    cpu.add({}, Math.max(0, used - counted));
    counted = used;
    memory.set({}, process.memoryUsage.rss());
    openFiles.set({}, readdirSync('/proc/self/fd').length);
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    maxFiles.set({}, Number(limit ?? Number.POSITIVE_INFINITY));
  });
}

/** Registers Istio's metric of what is running. */
export function buildMetric(registry: MetricsRegistry, component: string, tag: string): void {
  const labels = ['component', 'tag'] as const;
  registry
    .gauge({ name: 'istio_build', help: 'What is running; always 1.', labels })
    .set({ component, tag }, 1);
}
