// What the agent answers scrapers.

import type { AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { closeServer, serveMetrics } from '../../src/cni/agent/health-server.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { suite } from '../support/suite.ts';

const test = suite('metrics of the node agent');

test('are OpenMetrics to those who ask for it, and Prometheus text to others', async ({
  stack,
}) => {
  const registry = createRegistry();
  registry.counter({ name: 'ambit_enrolments_total', help: 'Pods that joined.' }).add({}, 2);
  const server = await serveMetrics(0, registry);
  stack.defer(() => closeServer(server));
  const { port } = server.address() as AddressInfo;
  const get = async (accept: string): Promise<readonly [string, string]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/stats/prometheus`, {
      headers: { accept },
    });
    return [answer.headers.get('content-type') ?? '', await answer.text()];
  };
  const [openType, open] = await get('application/openmetrics-text;version=1.0.0');
  assert.match(openType, 'application/openmetrics-text');
  assert.match(open, '# TYPE ambit_enrolments counter\nambit_enrolments_total 2\n# EOF\n');
  const [plainType, plain] = await get('*/*');
  assert.match(plainType, 'text/plain');
  assert.match(plain, '# TYPE ambit_enrolments_total counter\nambit_enrolments_total 2\n');
});

test.run();
