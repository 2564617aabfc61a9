import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { readableBody } from '../../src/waypoint/request/readable-body.ts';
import { suite } from '../support/suite.ts';
import { startHttp2 } from './application.ts';

const test = suite('a body on a readable');

test('is whole when its stream was complete before it was read', async ({ stack }) => {
  const port = await startHttp2(stack, (_request, response) => void response.end('an answer'));
  const session = http2.connect(`http://127.0.0.1:${port}`);
  stack.defer(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  await once(stream, 'response');
  await until('the last frame', async () => stream.closed || undefined);
  const body = readableBody(stream, {
    length: undefined,
    trailers: () => [],
    endProblem: () => undefined,
  });
  assert.is(String(await body.read()), 'an answer');
  assert.is(await body.read(), undefined);
});

test('ends with its loss when the stream is closed before its end', async ({ stack }) => {
  const port = await startHttp2(stack, (_request, response) => void response.write('a part'));
  const session = http2.connect(`http://127.0.0.1:${port}`);
  stack.defer(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  await once(stream, 'response');
  const body = readableBody(stream, {
    length: undefined,
    trailers: () => [],
    endProblem: () => undefined,
  });
  assert.is(String(await body.read()), 'a part');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await body.read().then(
    () => assert.unreachable('it was not whole'),
    (error: Error) => assert.match(error.message, 'before its end'),
  );
});

test.run();
