// The controller's counters, under Istio's names where Istio has one, in Prometheus' text format.

/** What is counted. */
export const counterMeanings = {
  pilot_xds_pushes: 'Responses sent to proxies, by type.',
  pilot_total_xds_rejects: 'Responses that proxies refused in whole or in part, by type.',
  ambit_controller_translations_total: 'Translations of all objects.',
  ambit_controller_status_writes_total: 'Statuses written.',
  citadel_server_success_cert_issuance_count: 'Certificates issued.',
} as const;

export type CounterName = keyof typeof counterMeanings;

/** What is read when metrics are asked for. */
export const gaugeMeanings = {
  pilot_xds: 'Proxies connected now.',
  ambit_controller_workloads: 'Workloads in the snapshot.',
  ambit_controller_services: 'Services in the snapshot.',
} as const;

export type GaugeName = keyof typeof gaugeMeanings;

/** Counters by name and type label. Types are few and known, so this does not grow. */
export class ControllerMetrics {
  readonly #counters = new Map<CounterName, Map<string, number>>();

  /** Adds one; `type` is the last part of a type URL, if it has one. */
  count(name: CounterName, typeUrl = ''): void {
    const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    let series = this.#counters.get(name);
    if (series === undefined) {
      series = new Map();
      this.#counters.set(name, series);
    }
    series.set(type, (series.get(type) ?? 0) + 1);
  }

  /** The exposition. */
  text(gauges: Readonly<Record<GaugeName, number>>): string {
    const lines: string[] = [];
    for (const [name, meaning] of Object.entries(counterMeanings)) {
      lines.push(`# HELP ${name} ${meaning}`, `# TYPE ${name} counter`);
      for (const [type, value] of this.#counters.get(name as CounterName) ?? [['', 0]]) {
        lines.push(`${name}${type === '' ? '' : `{type="${type}"}`} ${value}`);
      }
    }
    for (const [name, meaning] of Object.entries(gaugeMeanings)) {
      lines.push(`# HELP ${name} ${meaning}`, `# TYPE ${name} gauge`);
      lines.push(`${name} ${gauges[name as GaugeName]}`);
    }
    return `${lines.join('\n')}\n`;
  }
}
