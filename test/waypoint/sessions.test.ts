// Sessions that routes keep with endpoints, through a waypoint.

import * as assert from 'uvu/assert';
import type { SessionPersistence } from '../../src/mesh/route.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { suite } from '../support/suite.ts';
import { key, type Pod, placed, type Scene, scene } from './balancing-scene.ts';
import { serviceOf, startApp } from './fixture.ts';

const test = suite('sessions at a waypoint');

const other = serviceOf('ratings', 'http11', '10.96.0.21');

/** Two backends of equal weight, each with endpoints of its own. */
async function start(
  stack: AsyncDisposableStack,
  sessionPersistence: SessionPersistence,
  pods: readonly Pod[] = [{ name: 'a1' }, { name: 'a2' }],
): Promise<Scene> {
  const made = await scene(stack, pods);
  const { mesh } = made.waypoint;
  mesh.services.push(other);
  for (const name of ['b1', 'b2']) {
    const app = await startApp(stack, (_request, response) => {
      response.writeHead(200, { 'x-pod': name }).end();
    });
    mesh.add(other, placed({ name }), app.port);
  }
  const backends = [key, keyOfService(other)].map((one) => ({ service: one, weight: 1 }));
  const routes = [{ origin: 'r', matches: [], backends, sessionPersistence }];
  made.waypoint.configure({ service: key, routes });
  return made;
}

/** What the client keeps of a cookie. */
function kept(headers: { readonly 'set-cookie'?: string[] | undefined }): string {
  const [cookie = ''] = headers['set-cookie'] ?? [];
  return cookie.split(';')[0] ?? '';
}

test('a cookie leads back to backend and endpoint, whoever else comes', async ({ stack }) => {
  const { one, add, waypoint } = await start(stack, { name: 'session' });
  const seen = new Set<unknown>();
  for (let client = 0; client < 25; client++) {
    const first = await one();
    const cookie = kept(first);
    assert.match(cookie, /^session=/);
    seen.add(first['x-pod']);
    if (client === 3) await add({ name: 'a3' });
    for (let again = 0; again < 3; again++) {
      const later = await one({ cookie });
      assert.is(later['x-pod'], first['x-pod']);
      assert.is(later['set-cookie'], undefined);
    }
    assert.match(waypoint.records.at(-1)?.verdict.reason ?? '', 'the endpoint of its session');
  }
  assert.ok(seen.size >= 4);
});

test('when its endpoint is gone the session goes on at another', async ({ stack }) => {
  const { one, waypoint } = await start(stack, { name: 'session' });
  const first = await one();
  const pod = first['x-pod'];
  for (const [service, endpoints] of waypoint.mesh.endpoints) {
    waypoint.mesh.endpoints.set(
      service,
      endpoints.filter(({ workload }) => workload.name !== pod),
    );
  }
  const next = await one({ cookie: kept(first) });
  assert.is.not(next['x-pod'], pod);
  assert.is(String(next['x-pod'])[0], String(pod)[0], 'the backend is the same');
  assert.is((await one({ cookie: kept(next) }))['x-pod'], next['x-pod']);
});

test('a header does what a cookie does, and idle sessions end', async ({ stack }) => {
  const rule = { name: 'x-session', inHeader: true, idleTimeoutMs: 10_000 };
  const { one, clock } = await start(stack, rule);
  const seen = new Set<unknown>();
  let token = String((await one())['x-session']);
  const home = (await one({ 'x-session': token }))['x-pod'];
  for (let request = 0; request < 20; request++) {
    clock.advance(9_000);
    const answer = await one({ 'x-session': token });
    assert.is(answer['x-pod'], home);
    token = String(answer['x-session']);
  }
  clock.advance(10_000);
  for (let request = 0; request < 30; request++)
    seen.add((await one({ 'x-session': token }))['x-pod']);
  assert.ok(seen.size > 1, 'chance decides again');
});

test('what is no token of this route is given a new one', async ({ stack }) => {
  const { one } = await start(stack, { name: 'session' });
  for (const cookie of ['session=', 'session=a.b.c', 'session=1.2.3.4', 'session=zzzzz.y.x.w.v']) {
    const answer = await one({ cookie });
    assert.is(answer[':status'], 200);
    assert.match(kept(answer), /^session=\w+\.\w+\.\w+\.\w+$/);
  }
});

test.run();
