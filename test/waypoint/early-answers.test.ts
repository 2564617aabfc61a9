import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import * as assert from 'uvu/assert';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { suite } from '../support/suite.ts';
import { serve, startHttp2 } from './application.ts';
import { ask, startApp, startWaypoint } from './fixture.ts';
import { http2Session } from './protocol-clients.ts';

const test = suite('answers before the request is whole');

const versions = ['HTTP/1.1', 'HTTP/2'] as const;

for (const client of versions) {
  for (const endpoint of versions) {
    test(`an application that refuses a large body is heard, from ${client} to ${endpoint}`, async ({
      stack,
      signal,
    }) => {
      // It answers at once and reads nothing.
      const listener = (
        request: IncomingMessage | Http2ServerRequest,
        response: ServerResponse | Http2ServerResponse,
      ): void => {
        request.on('error', () => undefined);
        response.statusCode = request.method === 'POST' ? 413 : 200;
        response.setHeader('content-length', '3');
        response.end('too');
      };
      const waypoint = await startWaypoint(stack);
      if (endpoint === 'HTTP/2') serve(waypoint, await startHttp2(stack, listener), 'http2');
      else serve(waypoint, (await startApp(stack, listener)).port);
      let status: unknown;
      if (client === 'HTTP/1.1') {
        const duplex = toDuplex(await waypoint.open());
        const request = httpRequest({ createConnection: () => duplex as never, method: 'POST' });
        request.on('error', () => undefined);
        request.write(Buffer.alloc(8 * 1024 * 1024));
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        status = response.statusCode;
        response.resume();
        await once(response, 'end');
        request.destroy();
      } else {
        const session = await http2Session(waypoint, stack);
        const stream = session.request({ ':method': 'POST' });
        stream.on('error', () => undefined);
        stream.write(Buffer.alloc(8 * 1024 * 1024));
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
        status = headers[':status'];
        stream.resume();
        await once(stream, 'end');
        stream.close();
      }
      assert.is(status, 413);
      const record = await waypoint.nextRecord(signal);
      assert.is(record.http?.status, 413);
      assert.is((await ask(await waypoint.open())).status, 200);
    });
  }
}

test.run();
