import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { suite } from '../support/suite.ts';
import { type Listener, serve, startOne } from './application.ts';
import { ask, startApp, startWaypoint } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('delays and failures at a waypoint');

test('an injected delay holds the request back for its time', async ({ stack, signal }) => {
  const clock = new ManualClock();
  const fault = { delay: { percent: 100, fixedDelayMs: 7000 } };
  const waypoint = await startOne(stack, (_request, response) => response.end('ok'), {
    clock,
    route: { fault },
  });
  const answer = ask(await waypoint.open());
  await clock.waited(7000);
  assert.is(waypoint.arrived.length, 0);
  clock.advance(7000);
  assert.is((await answer).status, 200);
  const record = await waypoint.nextRecord(signal);
  assert.match(record.verdict.reason, 'delayed 7000 ms by fault injection');
  assert.is(record.durationMs, 7000);
});

test('a client that gives up ends the request at the application', async ({ stack, signal }) => {
  const gone = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const waypoint = await startOne(stack, (_request, response) => {
    response.on('close', () => gone.resolve());
    begun.resolve();
  });
  const stream = await waypoint.open();
  const request = httpRequest({ createConnection: () => toDuplex(stream) as never });
  request.on('error', () => undefined);
  request.end();
  await begun.promise;
  request.destroy();
  await gone.promise;
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1713');
});

test('a timeout answers 504 and ends the request at the application', async ({ stack, signal }) => {
  const clock = new ManualClock();
  const gone = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const listener: Listener = (_request, response) => {
    response.on('close', () => gone.resolve());
    begun.resolve();
  };
  const route = { timeoutMs: 500 };
  const waypoint = await startOne(stack, listener, { clock, route });
  const answer = ask(await waypoint.open());
  await clock.waited(500);
  await begun.promise;
  clock.advance(500);
  assert.is((await answer).status, 504);
  await gone.promise;
  assert.is((await waypoint.nextRecord(signal)).verdict.code, 'AMB1708');
});

test('an application that dies before its response is told by 503', async ({ stack, signal }) => {
  const waypoint = await startOne(stack, (request) => request.socket.destroy(), {
    route: { retries: { attempts: 0, retryOn: '' } },
  });
  const answer = await ask(await waypoint.open(), { method: 'POST', body: 'x' });
  assert.is(answer.status, 503);
  assert.match(answer.headers['ambit-decision'] as string, 'AMB1707');
  assert.is((await waypoint.nextRecord(signal)).destination.workload, 'reviews-0');
});

test('one that dies within its response breaks it off for the client', async ({
  stack,
  signal,
}) => {
  const waypoint = await startOne(stack, (request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('half', () => request.socket.destroy());
  });
  const answer = ask(await waypoint.open());
  await answer.then(
    () => assert.unreachable('the body is not whole'),
    (error: Error) => assert.match(error.message, /aborted|closed|lost|hang up/i),
  );
  const record = await waypoint.nextRecord(signal);
  assert.is(record.verdict.code, 'AMB1712');
  assert.is(record.bytesReceived, 4);
});

test('a failed attempt goes to another endpoint, with its body again', async ({
  stack,
  signal,
}) => {
  const waypoint = await startWaypoint(stack, { random: () => 0 });
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: deadPort } = closed.address() as AddressInfo;
  closed.close();
  const route = { retries: { attempts: 2, retryOn: 'connect-failure,503' } };
  serve(waypoint, deadPort, 'http11', route);
  const busy = await startApp(stack, (request, response) => {
    request.resume().on('end', () => response.writeHead(503).end('busy'));
  });
  serve(waypoint, busy.port, 'http11', route);
  const good = await startApp(stack, (request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end(Buffer.concat(chunks));
    })();
  });
  serve(waypoint, good.port, 'http11', route);
  const answer = await ask(await waypoint.open(), { method: 'POST', body: 'again' });
  assert.is(answer.status, 200);
  assert.is(answer.body.toString(), 'again');
  const record = await waypoint.nextRecord(signal);
  assert.is(record.destination.workload, 'reviews-2');
  assert.is(waypoint.arrived.length, 3);
});

test('attempts end, and the last failure is told', async ({ stack }) => {
  const waypoint = await startOne(
    stack,
    (_request, response) => response.writeHead(503).end('no'),
    {
      route: { retries: { attempts: 2, retryOn: '503' } },
    },
  );
  const answer = await ask(await waypoint.open());
  assert.is(answer.status, 503);
  assert.is(answer.body.toString(), 'no');
});

test.run();
