// What the command line asks of pods, through a real API server.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import * as assert from 'uvu/assert';
import { Cluster } from '../../src/cli/cluster.ts';
import { codeOf } from '../../src/runtime/errors.ts';
import { noPods, startHarness } from '../standalone/api/api-harness.ts';
import { suite } from '../support/suite.ts';

const test = suite('asking pods');

test('a pod whose admin port knows no decisions is told from one that is not there', async ({
  stack,
}) => {
  const admin = createServer((request, response) => {
    const isKnown = request.url?.startsWith('/decisions') === true;
    response.writeHead(isKnown ? 200 : 404).end(isKnown ? '{"records":[]}' : '');
  }).listen(0, '127.0.0.1');
  await once(admin, 'listening');
  stack.defer(() => void admin.close());
  const { port } = admin.address() as AddressInfo;
  const connectToIt = async () => connect(port, '127.0.0.1');
  const api = await startHarness(stack, { podAccess: { ...noPods, connect: connectToIt } });
  const metadata = { name: 'ztunnel-1', namespace: 'default' };
  const spec = { containers: [{ name: 'a', image: 'a' }] };
  await api.succeed(
    'create -f -',
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec }),
  );
  const running = { status: { phase: 'Running' } };
  api.server.store.mergePatch('pods', 'default', 'ztunnel-1', running, 'status');
  const cluster = new Cluster([api.kubeconfig]);
  assert.equal(await cluster.podAdmin({ metadata }, '/decisions'), { records: [] });
  const codeFor = (name: string, path: string): Promise<unknown> =>
    cluster.podAdmin({ metadata: { ...metadata, name } }, path).then(
      () => 'answered',
      (error: unknown) => codeOf(error),
    );
  assert.is(await codeFor('ztunnel-1', '/other'), 'AMB1807');
  assert.is(await codeFor('gone', '/decisions'), 'AMB1833');
});

test('a collection is listed whole, though it comes in pages', async ({ stack }) => {
  const api = await startHarness(stack);
  for (let index = 0; index < 1_001; index++) {
    const metadata = { name: `c${index}`, namespace: 'default', labels: { app: 'paged' } };
    api.server.store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
  }
  const listed = await new Cluster([api.kubeconfig]).list(
    '/api/v1/configmaps?labelSelector=app%3Dpaged',
  );
  assert.is(new Set(listed.map(({ metadata }) => metadata.name)).size, 1_001);
});

test.run();
