// Counters, gauges and histograms of a process, in the Prometheus text form or that of OpenMetrics.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a metric is called and means. */
export interface MetricShape<Label extends string = string> {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** Only goes up. */
export interface CountingMetric<Label extends string = string> {
  add(labels: Readonly<Record<Label, string>>, by?: number): void;
}

/** Goes up and down. */
export interface GaugeMetric<Label extends string = string> {
  set(labels: Readonly<Record<Label, string>>, value: number): void;
}

/** Counts values by size. */
export interface HistogramMetric<Label extends string = string> {
  observe(labels: Readonly<Record<Label, string>>, value: number): void;
}

/** A metric as it was registered. */
export interface RegisteredMetric extends MetricShape {
  readonly type: 'counter' | 'gauge' | 'histogram';
}

/** What a scraper gets. */
export interface Exposition {
  readonly body: string;
  readonly contentType: string;
}

/** The metrics of one process. */
export interface MetricsRegistry {
  readonly contentType: string;
  /** Everything registered so far, in order. */
  readonly registered: readonly RegisteredMetric[];
  /** @throws when the name is taken */
  counter<Label extends string = never>(shape: MetricShape<Label>): CountingMetric<Label>;
  /** @throws when the name is taken */
  gauge<Label extends string = never>(shape: MetricShape<Label>): GaugeMetric<Label>;
  /** `buckets` are upper limits, ascending. @throws when the name is taken */
  histogram<Label extends string = never>(
    shape: MetricShape<Label> & { readonly buckets: readonly number[] },
  ): HistogramMetric<Label>;
  /** Has values brought up to date before every reading. */
  beforeReading(update: () => void): void;
  /** All metrics in the text form. */
  text(): Promise<string>;
  /** All metrics in the form that the scraper's Accept header asks for. */
  expose(accept: string): Promise<Exposition>;
}

const openMetricsType = 'application/openmetrics-text';

/** Makes an empty registry. */
export function createRegistry(): MetricsRegistry {
  const registry = new Registry();
  const registered: RegisteredMetric[] = [];
  const updates: (() => void)[] = [];
  const configuration = <Label extends string>(
    type: RegisteredMetric['type'],
    { name, help, labels }: MetricShape<Label>,
  ) => {
    registered.push({ type, name, help, labels: [...(labels ?? [])] });
    return { name, help, labelNames: [...(labels ?? [])], registers: [registry] };
  };
  const text = async (): Promise<string> => {
    for (const update of updates) update();
    return await registry.metrics();
  };
  return {
    contentType: registry.contentType,
    registered,
    counter: (shape) => {
      const counter = new Counter(configuration('counter', shape));
      return { add: (labels, by = 1) => counter.inc(labels, by) };
    },
    gauge: (shape) => {
      const gauge = new Gauge(configuration('gauge', shape));
      return { set: (labels, value) => gauge.set(labels, value) };
    },
    histogram: (shape) => {
      const buckets = [...shape.buckets];
      const histogram = new Histogram({ ...configuration('histogram', shape), buckets });
      return { observe: (labels, value) => histogram.observe(labels, value) };
    },
    beforeReading: (update) => void updates.push(update),
    text,
    expose: async (accept) =>
      accept.includes(openMetricsType)
        ? {
            body: toOpenMetrics(await text()),
            contentType: `${openMetricsType};charset=utf-8;version=1.0.0`,
          }
        : { body: await text(), contentType: registry.contentType },
  };
}

/** The same metrics as OpenMetrics 1.0 has them: a counter's family goes without `_total`, and a
 * counter that was never named so is of unknown type. prom-client can write this form too, but
 * renames its metrics in doing so, which breaks the text form of the next scrape. */
function toOpenMetrics(text: string): string {
  const counters = new Set(
    [...text.matchAll(/^# TYPE (\S+) counter$/gm)].map((match) => match[1] ?? ''),
  );
  const lines = text.split('\n').filter((line) => line !== '');
  const open = lines.map((line) => {
    const [, key, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (key === undefined || !counters.has(name)) return line;
    if (name.endsWith('_total')) return `# ${key} ${name.slice(0, -'_total'.length)} ${rest}`;
    return key === 'TYPE' ? `# TYPE ${name} unknown` : line;
  });
  return `${open.join('\n')}\n# EOF\n`;
}
