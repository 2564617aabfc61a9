// What operators get over HTTP, asked by a real client.

import * as assert from 'uvu/assert';
import { loggingRoute, quitRoute } from '../../src/dataplane/admin.ts';
import {
  type AdminRoute,
  jsonRoute,
  metricsRoute,
  startAdminServer,
} from '../../src/runtime/admin-server.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { profileRoute } from '../../src/runtime/cpu-profile.ts';
import { heapRoutes } from '../../src/runtime/heap-profile.ts';
import { createLogger } from '../../src/runtime/log.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { suite } from '../support/suite.ts';

const test = suite('admin endpoints');

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function serve(
  stack: AsyncDisposableStack,
  routes: Readonly<Record<string, AdminRoute>>,
): Promise<(path: string, init?: Asked) => Promise<Response>> {
  const server = stack.use(await startAdminServer({ host: '127.0.0.1', port: 0 }, routes));
  return (path, init = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      ...init,
      headers: { connection: 'close', ...init.headers },
    });
}

test('unknown paths are not found, and the root lists what there is', async ({ stack }) => {
  const ask = await serve(stack, { '/config_dump': jsonRoute(() => ({ a: 1 })) });
  assert.is((await ask('/nothing')).status, 404);
  const root = await ask('/');
  assert.match(root.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(await root.text(), '<a href="/config_dump">');
});

test('metrics come in the form asked for, compressed where that is understood', async ({
  stack,
}) => {
  const registry = createRegistry();
  const counter = registry.counter({ name: 'things_total', help: 'Things.', labels: ['kind'] });
  for (let kind = 0; kind < 100; kind++) counter.add({ kind: String(kind) });
  const ask = await serve(stack, { '/metrics': metricsRoute(registry) });
  const open = await ask('/metrics', {
    headers: { accept: 'application/openmetrics-text', 'accept-encoding': 'gzip' },
  });
  assert.is(open.headers.get('content-encoding'), 'gzip');
  assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text;/);
  assert.match(await open.text(), /# EOF\n$/);
  const plain = await ask('/metrics', { headers: { 'accept-encoding': 'identity' } });
  assert.is(plain.headers.get('content-encoding'), null);
  const wrong = await ask('/metrics', { method: 'POST' });
  assert.is(wrong.status, 405);
  assert.is(wrong.headers.get('allow'), 'GET, HEAD');
});

test('log levels are told and set, of everything and of one part', async ({ stack }) => {
  const log = createLogger('test', 'silent');
  log.child({ target: 'access' });
  const ask = await serve(stack, { '/logging': loggingRoute(log) });
  const post = async (query: string): Promise<[number, string]> => {
    const response = await ask(`/logging${query}`, { method: 'POST' });
    return [response.status, await response.text()];
  };
  assert.is((await ask('/logging')).status, 405);
  assert.equal(await post(''), [200, 'current log level is silent\n']);
  const [, both] = await post('?level=error,access=silent');
  assert.is(both, 'current log level is error,access=silent\n');
  assert.is((await post('?level=access'))[0], 400);
  assert.is((await post('?level=nobody=silent'))[0], 400);
  assert.is((await post('?reset'))[1], 'current log level is silent\n');
  const [, istioctl] = await post('?level=ztunnel::access:off,critical');
  assert.is(istioctl, 'current log level is error\n', 'set for everything after the part');
  assert.is((await post('?level=off'))[1], 'current log level is silent\n');
});

test('an orderly end is asked for by POST alone', async ({ stack }) => {
  let asked = 0;
  const ask = await serve(stack, { '/quitquitquit': quitRoute(() => asked++) });
  assert.is((await ask('/quitquitquit')).status, 405);
  assert.is(asked, 0);
  assert.is((await ask('/quitquitquit', { method: 'POST' })).status, 200);
  assert.is(asked, 1);
});

test('a processor profile is taken on request', async ({ stack }) => {
  const ask = await serve(stack, { '/debug/pprof/profile': profileRoute(systemClock) });
  assert.is((await ask('/debug/pprof/profile?seconds=301')).status, 400);
  const response = await ask('/debug/pprof/profile?seconds=1&frequency=1000');
  const profile = (await response.json()) as { nodes: unknown[]; samples: unknown[] };
  assert.ok(profile.nodes.length > 0);
  assert.ok(profile.samples.length > 0);
});

test('a heap profile is there while allocations are sampled', async ({ stack }) => {
  const ask = await serve(stack, heapRoutes());
  const text = async (path: string): Promise<string> => (await ask(path)).text();
  const off = await ask('/debug/pprof/heap');
  assert.is(off.status, 500);
  assert.match(await off.text(), 'heap profiling is off');
  const profiling = '/debug/pprof/heap/profiling';
  assert.is(await text(`${profiling}?activate=true`), 'heap profiling is on\n');
  assert.is(await text(profiling), 'heap profiling is on\n');
  const kept = Array.from({ length: 20_000 }, (_, index) => ({ text: `number ${index}` }));
  const profile = (await (await ask('/debug/pprof/heap')).json()) as { head: object };
  assert.ok('children' in profile.head && kept.length > 0);
  assert.is((await ask(`${profiling}?activate=perhaps`)).status, 400);
  assert.is(await text(`${profiling}?activate=false`), 'heap profiling is off\n');
  assert.is((await ask('/debug/pprof/heap')).status, 500);
});

test.run();
