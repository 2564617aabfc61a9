// What a waypoint counts: messages of gRPC calls, and bytes of connections without HTTP while they last.

import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { isGrpc, MessageCounter } from '../../src/waypoint/request/grpc-messages.ts';
import { suite } from '../support/suite.ts';
import { serve, startHttp2 } from './application.ts';
import { startWaypoint } from './fixture.ts';

const test = suite('what a waypoint counts');

function message(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff);
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

test('messages are counted alike in whatever pieces they arrive', () => {
  const lengths = fc.array(fc.nat({ max: 70 }), { maxLength: 12 });
  fc.assert(
    fc.property(lengths, fc.array(fc.integer({ min: 1, max: 40 })), (messages, pieces) => {
      const whole = Buffer.concat(messages.map(message));
      const counter = new MessageCounter();
      let at = 0;
      for (const size of [...pieces, whole.length]) {
        counter.push(whole.subarray(at, at + size));
        at += size;
      }
      return counter.count === messages.length;
    }),
  );
});

test('gRPC is known by its content type, and gRPC-Web is not it', () => {
  const typed = (value: string): boolean => isGrpc([['content-type', value]]);
  assert.equal(['application/grpc', 'application/grpc+proto', 'application/grpc;a=b'].map(typed), [
    true,
    true,
    true,
  ]);
  assert.equal(['application/grpc-web', 'application/json', ''].map(typed), [false, false, false]);
});

/** The value of the one sample of a metric that has all these labels. */
function valueOf(text: string, name: string, labels: Readonly<Record<string, string>>): number {
  const samples = text.split('\n').filter((line) => {
    const has = ([key, value]: [string, string]): boolean => line.includes(`${key}="${value}"`);
    return line.startsWith(`${name}{`) && Object.entries(labels).every(has);
  });
  assert.is(samples.length, 1, `${name}: ${samples.join('\n')}`);
  return Number(samples[0]?.split(' ').at(-1));
}

test('the messages of gRPC calls are counted both ways', async ({ stack, signal }) => {
  const waypoint = await startWaypoint(stack);
  const port = await startHttp2(stack, (request, response) => {
    request.resume();
    request.on('end', () => {
      response.setHeader('content-type', 'application/grpc');
      response.write(Buffer.concat([message(3), message(0), message(9)]));
      response.addTrailers({ 'grpc-status': '0' });
      response.end();
    });
  });
  serve(waypoint, port, 'grpc');
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  const path = '/pkg.Service/Method';
  const call = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  call.write(message(10).subarray(0, 7));
  call.write(message(10).subarray(7));
  call.end(message(70_000));
  call.resume();
  await once(call, 'end');
  await waypoint.nextRecord(signal);
  const text = await waypoint.registry.text();
  const labels = { request_protocol: 'grpc', grpc_response_status: '0', response_code: '200' };
  assert.is(valueOf(text, 'istio_request_messages_total', labels), 2);
  assert.is(valueOf(text, 'istio_response_messages_total', labels), 3);
});

test('bytes of a connection without HTTP are counted while they flow, its end when it comes', async ({
  stack,
  signal,
}) => {
  const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  stack.defer(() => void echo.close());
  const waypoint = await startWaypoint(stack);
  serve(waypoint, (echo.address() as AddressInfo).port, 'tcp');
  const stream = await waypoint.open();
  await stream.write(Buffer.from('hello'));
  assert.is(Buffer.from((await stream.read()) ?? []).toString(), 'hello');
  // What went to the client is counted once it is written, which may be a turn after its arrival there.
  let during = await waypoint.registry.text();
  const open = { request_protocol: 'tcp', response_flags: '-', reporter: 'waypoint' };
  while (valueOf(during, 'istio_tcp_sent_bytes_total', open) === 0) {
    signal.throwIfAborted();
    during = await waypoint.registry.text();
  }
  assert.is(valueOf(during, 'istio_tcp_connections_opened_total', open), 1);
  assert.is(valueOf(during, 'istio_tcp_received_bytes_total', open), 5);
  assert.is(valueOf(during, 'istio_tcp_sent_bytes_total', open), 5);
  assert.not.match(during, 'istio_tcp_connections_closed_total{');
  await stream.end();
  await waypoint.nextRecord(signal);
  const after = await waypoint.registry.text();
  assert.is(valueOf(after, 'istio_tcp_connections_closed_total', open), 1);
  assert.is(valueOf(after, 'istio_tcp_received_bytes_total', open), 5);
  assert.not.match(after, 'istio_requests_total{');
});

test.run();
