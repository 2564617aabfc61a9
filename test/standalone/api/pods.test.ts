// Pod logs and the proxy to pod ports, with a double of the kubelets.

import { createServer } from 'node:http';
import { connect } from 'node:net';

import * as assert from 'uvu/assert';

import type { LogOptions, PodAccess } from '../../../src/standalone/api/pods/pod-access.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, outputWith, startHarness, until } from './api-harness.ts';
import { ask } from './https.ts';

/** Kubelets whose logs end when they are told, and whose pods are servers on loopback. */
class Kubelets implements PodAccess {
  readonly asked: LogOptions[] = [];
  readonly ports = new Map<number, number>();

  async *logs(_namespace: string, pod: string, options: LogOptions): AsyncIterable<Uint8Array> {
    this.asked.push(options);
    yield Buffer.from(`${pod}/${options.container ?? ''} line 1\n`);
    yield Buffer.from('line 2\n');
    if (!options.follow) return;
    await new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
  }

  async connect(_namespace: string, _pod: string, port: number) {
    const real = this.ports.get(port);
    if (real === undefined) throw new Error('connection refused');
    const socket = connect(real, '127.0.0.1');
    await new Promise((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('error', reject);
    });
    return socket;
  }
}

const test = suite<{ api: Harness; kubelets: Kubelets }>('pods', {
  setup: async ({ stack }) => {
    const kubelets = new Kubelets();
    const api = await startHarness(stack, { podAccess: kubelets });
    const containers = ['main', 'side'].map((name) => ({ name, image: 'x' }));
    const pod = (name: string, count: number): void =>
      void api.server.store.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: { nodeName: 'node1', containers: containers.slice(0, count) },
      });
    pod('one', 1);
    pod('two', 2);
    const http = createServer((request, response) => {
      response.setHeader('x-seen', String(request.headers.authorization ?? 'none'));
      response.statusCode = request.url === '/missing' ? 404 : 200;
      request.pipe(response);
      if (request.method === 'GET') response.end(`${request.method} ${request.url}`);
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', () => resolve()));
    stack.defer(() => new Promise<void>((resolve) => http.close(() => resolve())));
    kubelets.ports.set(15000, (http.address() as { port: number }).port);
    return { api, kubelets };
  },
});

test('prints the log of the only container, or of the one that is named', async ({
  api,
  kubelets,
}) => {
  assert.is(await api.succeed('logs one'), 'one/main line 1\nline 2\n');
  assert.is(
    await api.succeed('logs two -c side --tail=5 --timestamps --since=1m'),
    'two/side line 1\nline 2\n',
  );
  const asked = kubelets.asked.at(-1);
  assert.equal(
    [asked?.tailLines, asked?.timestamps, asked?.sinceSeconds, asked?.follow],
    [5, true, 60, false],
  );
  assert.match((await api.kubectl('logs two -c none')).stderr, 'container none is not valid');
  const unnamed = await ask(api.server, { path: '/api/v1/namespaces/default/pods/two/log' });
  assert.match(
    unnamed.text,
    'a container name must be specified for pod two, choose one of: [main side]',
  );
});

test('follows a log until the reader goes', async ({ api, kubelets, signal }) => {
  const following = api.start('logs -f one');
  await outputWith(following, 'line 2', signal);
  following.kill('SIGTERM');
  await until(() => kubelets.asked.at(-1)?.signal.aborted === true, signal);
});

test('relays requests to a port of the pod', async ({ api }) => {
  const base = '/api/v1/namespaces/default/pods';
  const got = await ask(api.server, { path: `${base}/one:15000/proxy/config/dump?x=1&y=%20` });
  assert.is(got.text, 'GET /config/dump?x=1&y=%20');
  assert.is(got.headers['x-seen'], 'none', 'the token of the caller stays here');
  assert.is((await ask(api.server, { path: `${base}/one:15000/proxy/missing` })).code, 404);
  const posted = await ask(api.server, {
    method: 'POST',
    path: `${base}/http:one:15000/proxy/`,
    body: 'the body',
  });
  assert.is(posted.text, 'the body');
  assert.match(await api.succeed(`get --raw ${base}/one:15000/proxy/x`), 'GET /x');
});

test('says with a code that a pod cannot be reached, or that something is not offered', async ({
  api,
}) => {
  const base = '/api/v1/namespaces/default/pods';
  const closed = await ask(api.server, { path: `${base}/one:9/proxy/` });
  assert.is(closed.code, 503);
  assert.match(closed.text, 'AMB1209');
  assert.match(closed.text, 'port 9 of pod default/one');
  assert.is((await ask(api.server, { path: `${base}/nobody:9/proxy/` })).code, 404);
  const exec = await ask(api.server, { method: 'POST', path: `${base}/one/exec?command=ls` });
  assert.is(exec.code, 501);
  assert.match(exec.text, 'AMB1207');
  assert.match((await api.kubectl('logs nobody')).stderr, 'pods "nobody" not found');
});

test.run();
