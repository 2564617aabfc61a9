// The two forms in which metrics are read, and the rules for their names.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { processMetrics } from '../../src/runtime/process-metrics.ts';
import { metricsChapters, metricsPage } from '../../tools/metrics-page.ts';
import { suite } from '../support/suite.ts';

const test = suite('metrics');
const openMetrics = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';

test('a scraper gets OpenMetrics when it asks for it, and the text form otherwise', async () => {
  const registry = createRegistry();
  registry.counter({ name: 'a_total', help: 'A.', labels: ['b'] }).add({ b: 'x"y' }, 3);
  registry.gauge({ name: 'g', help: 'G.' }).set({}, 1.5);
  const open = await registry.expose(openMetrics);
  assert.is(open.contentType, 'application/openmetrics-text;charset=utf-8;version=1.0.0');
  assert.is(
    open.body,
    '# HELP a A.\n# TYPE a counter\na_total{b="x\\"y"} 3\n# HELP g G.\n# TYPE g gauge\ng 1.5\n# EOF\n',
  );
  const text = await registry.expose('text/plain');
  assert.match(text.contentType, /^text\/plain/);
  assert.match(text.body, '# TYPE a_total counter\na_total{b="x\\"y"} 3');
  assert.not.match(text.body, '# EOF');
});

test('a counter without _total is of unknown type in OpenMetrics, which allows no other', async () => {
  const registry = createRegistry();
  registry.counter({ name: 'pushes', help: 'P.' }).add({}, 2);
  assert.match((await registry.expose(openMetrics)).body, '# TYPE pushes unknown\npushes 2\n');
});

test('values are brought up to date before every reading', async () => {
  const registry = createRegistry();
  const gauge = registry.gauge({ name: 'reads', help: 'R.' });
  let reads = 0;
  registry.beforeReading(() => gauge.set({}, ++reads));
  assert.match(await registry.text(), /^reads 1$/m);
  assert.match((await registry.expose(openMetrics)).body, /^reads 2$/m);
});

test('a process tells its file descriptors, memory, processor time and start', async () => {
  const registry = createRegistry();
  processMetrics(registry, Date.now());
  const text = await registry.text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.ok(value('process_open_fds') > 2);
  assert.ok(value('process_max_fds') >= value('process_open_fds'));
  assert.ok(value('process_resident_memory_bytes') > 1e6);
  assert.ok(value('process_cpu_seconds_total') > 0);
  assert.ok(value('process_start_time_seconds') > 1.6e9);
});

/** Names that are Istio's own, and older than the rule that they break. */
const foreign = new Set([
  'istio_request_duration_milliseconds',
  'pilot_xds_pushes',
  'pilot_total_xds_rejects',
  'citadel_server_success_cert_issuance_count',
  'workload_manager_active_proxy_count',
  'workload_manager_pending_proxy_count',
  'galley_validation_passed',
  'galley_validation_failed',
  'galley_validation_http_error',
  'galley_validation_config_updates',
  'galley_validation_config_update_error',
]);

test('every metric follows the naming rules of Prometheus', async () => {
  const problems: string[] = [];
  for (const { title, metrics } of await metricsChapters()) {
    for (const { name, type, help, labels = [] } of metrics) {
      const say = (problem: string) => problems.push(`${title} ${name}: ${problem}`);
      if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) say('is not in snake case');
      if (help.length < 3) say('has no help');
      for (const label of labels) {
        if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(label)) say(`label ${label}`);
        if (['le', 'quantile', 'job', 'instance'].includes(label)) say(`label ${label} is taken`);
        if (name.split('_').includes(label) && label !== 'type') say(`repeats its label ${label}`);
      }
      if (foreign.has(name)) continue;
      if ((type === 'counter') !== name.endsWith('_total'))
        say('counters, and no others, end in _total');
      if (/_(count|sum|bucket|info)$/.test(name)) say('ends as only parts of a histogram do');
      if (/(milliseconds|millis|_ms|minutes|kilobytes|_kb|megabytes)/.test(name))
        say('is not in base units');
    }
  }
  assert.equal(problems, []);
});

test('docs/metrics.md lists every metric with its meaning and labels', async () => {
  const file = path.resolve(import.meta.dirname, '../../docs/metrics.md');
  const page = metricsPage(await metricsChapters());
  assert.is(readFileSync(file, 'utf8'), page, 'run: node tools/metrics-page.ts');
});

test.run();
