// Servers that others wrote, behind the waypoint: nginx for what HTTP caches and ranges ask, Redis for a
// protocol of its own.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import { keyOfService } from '../../src/mesh/service.ts';
import { freePort, pathOf, withPrograms } from '../support/programs.ts';
import { suite } from '../support/suite.ts';
import { serve } from './application.ts';
import { ask, serviceOf, startWaypoint } from './fixture.ts';
import { bridge } from './websocket-endpoint.ts';

const test = suite('servers of others behind a waypoint', { deadlineMs: 60_000 });
const testWith = withPrograms(test);
const run = promisify(execFile);

const page = Array.from({ length: 20_000 }, (_, index) => `line ${index}\n`).join('');

testWith(
  ['nginx'],
  'nginx answers whole, in part, not modified and compressed',
  async (context) => {
    const { stack } = context;
    const port = await startNginx(stack);
    const waypoint = await startWaypoint(stack);
    serve(waypoint, port);
    const whole = await ask(await waypoint.open(), { path: '/page.txt' });
    assert.is(whole.status, 200);
    assert.is(whole.body.toString(), page);
    const { etag } = whole.headers;
    const head = await ask(await waypoint.open(), { path: '/page.txt', method: 'HEAD' });
    assert.equal([head.status, head.headers['content-length']], [200, String(page.length)]);
    assert.is(head.body.length, 0);
    const part = await ask(await waypoint.open(), {
      path: '/page.txt',
      headers: { range: 'bytes=100-199' },
    });
    assert.is(part.status, 206);
    assert.is(part.body.toString(), page.slice(100, 200));
    const same = await ask(await waypoint.open(), {
      path: '/page.txt',
      headers: { 'if-none-match': String(etag) },
    });
    assert.equal([same.status, same.body.length], [304, 0]);
    const gzip = await ask(await waypoint.open(), {
      path: '/page.txt',
      headers: { 'accept-encoding': 'gzip' },
    });
    assert.equal(
      [gzip.headers['content-encoding'], gzip.headers['transfer-encoding']],
      ['gzip', 'chunked'],
    );
    assert.is(gunzipSync(gzip.body).toString(), page);
    assert.is((await ask(await waypoint.open(), { path: '/nothing' })).status, 404);
    assert.is((await ask(await waypoint.open(), { path: '/empty' })).status, 204);
  },
);

testWith(
  ['redis-check-rdb', 'redis-cli'],
  'a Redis client and server talk in pipelines and by subscription',
  async ({ stack, signal }) => {
    const waypoint = await startWaypoint(stack);
    serve(waypoint, await startRedis(stack, signal), 'tcp');
    const service = keyOfService(serviceOf('reviews'));
    const origin = 'TCPRoute default/cache rules[0]';
    const route = { origin, matches: [], backends: [{ service, weight: 1 }] };
    waypoint.configure({ service, routes: [], connectionRoutes: [route] });
    const through = String(await bridge(stack, waypoint));
    const client = spawn(pathOf('redis-cli') ?? '', ['-p', through], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const heard = once(client, 'exit');
    let answers = '';
    client.stdout.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    const commands = Array.from({ length: 500 }, (_, index) => `INCRBY sum ${index}\n`);
    client.stdin.end(commands.join(''));
    await heard;
    assert.is(answers.trim().split('\n').at(-1), String((499 * 500) / 2));
    assert.is((await waypoint.nextRecord(signal)).verdict.route, origin);

    const cli = (...args: string[]) => run('redis-cli', ['-p', through, ...args]);
    const listener = spawn(pathOf('redis-cli') ?? '', ['-p', through, 'SUBSCRIBE', 'news'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(listener, 'exit');
    stack.defer(async () => {
      listener.kill('SIGKILL');
      await ended;
    });
    const lines = createInterface(listener.stdout)[Symbol.asyncIterator]();
    const hear = async (word: string): Promise<void> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`never heard ${word}`);
        if (value === word) return;
      }
    };
    await hear('subscribe');
    assert.is((await cli('PUBLISH', 'news', 'hello')).stdout.trim(), '1');
    await hear('hello');
  },
);

test.run();

/** nginx on loopback with one page; answers its port. */
async function startNginx(stack: AsyncDisposableStack): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waypoint-nginx-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(path.join(folder, 'page.txt'), page);
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((one) => `${one}_temp_path ${folder}/${one};`)
    .join(' ');
  const configuration = `daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
events {}
http { access_log off; ${temporary} gzip on; gzip_types *; default_type text/plain;
  server { listen 127.0.0.1:${port}; root ${folder}; location /empty { return 204; } } }`;
  await writeFile(path.join(folder, 'nginx.conf'), configuration);
  const args = ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', 'stderr'];
  await startServer(stack, pathOf('nginx', 'nginx') ?? '', args, port);
  return port;
}

/** Redis on loopback, keeping nothing; answers its port. Debian's redis-tools bring the server's program under
 * the name of a tool, and a service only comes with another package. */
async function startRedis(stack: AsyncDisposableStack, signal: AbortSignal): Promise<number> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  await startServer(stack, pathOf('redis-check-rdb') ?? '', args, port, 'redis-server', signal);
  return port;
}

/** Runs a server until the test ends; resolves once its port takes connections. */
async function startServer(
  stack: AsyncDisposableStack,
  program: string,
  args: readonly string[],
  port: number,
  name = path.basename(program),
  signal = AbortSignal.timeout(20_000),
): Promise<void> {
  const child = spawn(program, args, { argv0: name, stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  while (!(await answers(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
