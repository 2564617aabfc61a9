// Counters, gauges and histograms of a process, in the Prometheus text form.

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

/** The metrics of one process. */
export interface MetricsRegistry {
  readonly contentType: string;
  /** @throws when the name is taken */
  counter<Label extends string = never>(shape: MetricShape<Label>): CountingMetric<Label>;
  /** @throws when the name is taken */
  gauge<Label extends string = never>(shape: MetricShape<Label>): GaugeMetric<Label>;
  /** `buckets` are upper limits, ascending. @throws when the name is taken */
  histogram<Label extends string = never>(
    shape: MetricShape<Label> & { readonly buckets: readonly number[] },
  ): HistogramMetric<Label>;
  /** All metrics as a scraper reads them. */
  text(): Promise<string>;
}

/** Makes an empty registry. */
export function createRegistry(): MetricsRegistry {
  const registry = new Registry();
  const configuration = <Label extends string>({ name, help, labels }: MetricShape<Label>) => ({
    name,
    help,
    labelNames: [...(labels ?? [])],
    registers: [registry],
  });
  return {
    contentType: registry.contentType,
    counter: (shape) => {
      const counter = new Counter(configuration(shape));
      return { add: (labels, by = 1) => counter.inc(labels, by) };
    },
    gauge: (shape) => {
      const gauge = new Gauge(configuration(shape));
      return { set: (labels, value) => gauge.set(labels, value) };
    },
    histogram: (shape) => {
      const buckets = [...shape.buckets];
      const histogram = new Histogram({ ...configuration(shape), buckets });
      return { observe: (labels, value) => histogram.observe(labels, value) };
    },
    text: async () => await registry.metrics(),
  };
}
