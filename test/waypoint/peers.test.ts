// Programs that others wrote, on either side of the waypoint. Those that are not installed (Debian:
// curl, nghttp2-client, postgresql) are left out, and said so.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  credentials,
  Metadata,
  type MethodDefinition,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import * as assert from 'uvu/assert';
import { keyOfService } from '../../src/mesh/service.ts';
import { freePort, pathOf, withPrograms } from '../support/programs.ts';
import { suite } from '../support/suite.ts';
import { serve, startHttp2, startOne } from './application.ts';
import { serviceOf, startWaypoint } from './fixture.ts';
import { bridge } from './websocket-endpoint.ts';

const test = suite('programs of others through a waypoint', { deadlineMs: 60_000 });
const run = promisify(execFile);

const testWith = withPrograms(test);

for (const [option, version] of [
  ['--http1.0', 'HTTP/1.0'],
  ['--http1.1', 'HTTP/1.1'],
  ['--http2', 'HTTP/1.1'],
  ['--http2-prior-knowledge', 'HTTP/2'],
] as const) {
  testWith(['curl'], `curl ${option} gets and sends`, async ({ stack, signal }) => {
    const waypoint = await startOne(stack, (request, response) => {
      let length = 0;
      request.on('data', (chunk: Buffer) => (length += chunk.length));
      request.on('end', () => response.end(`${request.method} ${length}`));
    });
    const url = `http://127.0.0.1:${await bridge(stack, waypoint)}/`;
    const curl = (...args: string[]) => run('curl', ['-sS', '--fail', option, ...args, url]);
    assert.is((await curl()).stdout, 'GET 0');
    assert.is((await curl('-d', 'x'.repeat(100_000))).stdout, 'POST 100000');
    assert.is((await curl('-I')).stdout.split(' ')[1], '200');
    for (let asked = 0; asked < 3; asked++) {
      assert.is((await waypoint.nextRecord(signal)).http?.protocol, version);
    }
  });
}

testWith(['h2load'], 'h2load gets an answer to every request', async ({ stack }) => {
  const waypoint = await startWaypoint(stack);
  const port = await startHttp2(stack, (_request, response) => response.end('ok'));
  serve(waypoint, port, 'http2');
  const url = `http://127.0.0.1:${await bridge(stack, waypoint)}/`;
  const { stdout } = await run('h2load', ['-n', '1000', '-c', '4', '-m', '20', url]);
  assert.match(stdout, '1000 succeeded, 0 failed');
  assert.is(waypoint.records.length, 1000);
});

const bytes = (value: Buffer): Buffer => value;
const method = (name: string, streams: boolean): MethodDefinition<Buffer, Buffer> => ({
  path: `/test.Echo/${name}`,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});
const echo = {
  once: method('once', false),
  many: method('many', true),
  fails: method('fails', false),
  hangs: method('hangs', false),
};

test('gRPC calls of every kind pass, with their status, metadata and deadline', async ({
  stack,
  signal,
}) => {
  const cancelled = Promise.withResolvers<void>();
  const server = new Server();
  server.addService(echo, {
    once: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      done(null, call.request);
    },
    many: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
    fails: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      const metadata = new Metadata();
      metadata.set('x-why', 'because');
      done({ code: status.FAILED_PRECONDITION, details: 'not now', metadata });
    },
    hangs: (call: ServerUnaryCall<Buffer, Buffer>) => {
      call.on('cancelled', () => cancelled.resolve());
    },
  });
  const insecure = ServerCredentials.createInsecure();
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', insecure);
  stack.defer(() => server.forceShutdown());
  const waypoint = await startWaypoint(stack);
  serve(waypoint, port, 'grpc');
  const Client = makeGenericClientConstructor(echo, 'test.Echo');
  const target = `127.0.0.1:${await bridge(stack, waypoint)}`;
  const client = new Client(target, credentials.createInsecure());
  stack.defer(() => client.close());
  const call = (name: string, deadline?: Date): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer): void =>
        error === null ? resolve(answer ?? Buffer.alloc(0)) : reject(error);
      const options = deadline === undefined ? {} : { deadline };
      // The generic client has a method for each of the service.
      const unary = client[name] as unknown as (...args: unknown[]) => void;
      unary.call(client, Buffer.from('hello'), options, done);
    });
  assert.is((await call('once')).toString(), 'hello');
  assert.is((await waypoint.nextRecord(signal)).http?.grpcStatus, '0');
  const failure = await call('fails').catch((error: unknown) => error as ServiceError);
  assert.ok('code' in failure);
  assert.equal([failure.code, failure.details], [status.FAILED_PRECONDITION, 'not now']);
  assert.equal(failure.metadata.get('x-why'), ['because']);
  assert.is((await waypoint.nextRecord(signal)).http?.grpcStatus, '9');

  const many = (client['many'] as unknown as () => ServerDuplexStream<Buffer, Buffer>).call(client);
  for (let index = 0; index < 100; index++) {
    many.write(Buffer.from(`message ${index}`));
    const [message] = (await once(many, 'data')) as [Buffer];
    assert.is(message.toString(), `message ${index}`);
  }
  many.end();
  await once(many, 'status');
  await waypoint.nextRecord(signal);
  assert.equal({ ...waypoint.decided.at(-1)?.messages }, { sent: 100, received: 100 });

  const late = await call('hangs', new Date(Date.now() + 300)).catch((error: unknown) => error);
  assert.ok(late instanceof Error);
  await cancelled.promise;
  assert.is((await waypoint.nextRecord(signal)).verdict.outcome, 'failed');
});

testWith(
  ['initdb', 'postgres', 'psql'],
  'a PostgreSQL client and server talk, over a declared port and one that is not',
  async ({ stack, signal }) => {
    const port = await startPostgres(stack);
    for (const protocol of ['tcp', 'unknown'] as const) {
      const waypoint = await startWaypoint(stack);
      serve(waypoint, port, protocol);
      const service = keyOfService(serviceOf('reviews'));
      const origin = 'TCPRoute default/db rules[0]';
      const route = { origin, matches: [], backends: [{ service, weight: 1 }] };
      waypoint.configure({ service, routes: [], connectionRoutes: [route] });
      const through = String(await bridge(stack, waypoint));
      const query =
        'select count(*), sum(length(repeat($$x$$, n))) from generate_series(1, 2000) n';
      const asked = ['-h', '127.0.0.1', '-p', through, '-U', 'postgres', '-At', '-c', query];
      const { stdout } = await run('psql', asked);
      assert.is(stdout.trim(), '2000|2001000');
      assert.is((await waypoint.nextRecord(signal)).verdict.route, origin);
    }
  },
);

/** A PostgreSQL server on loopback; it refuses to run as root. Answers its port. */
async function startPostgres(stack: AsyncDisposableStack): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waypoint-postgres-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const isRoot = process.getuid?.() === 0;
  const ids = isRoot
    ? await Promise.all(
        ['-u', '-g'].map(async (one) => Number((await run('id', [one, 'postgres'])).stdout)),
      )
    : [];
  const [uid, gid] = ids;
  const as = uid === undefined || gid === undefined ? {} : { uid, gid };
  if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
  const cwd = folder;
  await run('initdb', ['-A', 'trust', '-U', 'postgres', '--no-sync', '-D', folder], { ...as, cwd });
  const port = await freePort();
  const options = ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'];
  const program = pathOf('postgres') ?? '';
  const server = spawn(program, ['-D', folder, '-p', String(port), '-k', folder, ...options], {
    ...as,
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(server, 'exit');
  stack.defer(async () => {
    server.kill('SIGQUIT');
    await ended;
  });
  let log = '';
  while (!log.includes('ready to accept connections')) {
    const [chunk] = (await once(server.stderr, 'data')) as [Buffer];
    log += chunk.toString();
  }
  server.stderr.resume();
  return port;
}

test.run();
