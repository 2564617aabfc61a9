// A client of a waypoint under test that sends many requests over one connection.

import { once } from 'node:events';
import * as http2 from 'node:http2';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import type { WaypointUnderTest } from './fixture.ts';

export interface Told {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

/** Opens a connection, and answers what sends a request on it. */
export async function startClient(
  stack: AsyncDisposableStack,
  waypoint: WaypointUnderTest,
): Promise<(path?: string, signal?: AbortSignal) => Promise<Told>> {
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  return async (path = '/', signal) => {
    const stream = session.request({ ':path': path }, signal && { signal });
    stream.end();
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return { status: Number(headers[':status']), headers, body: Buffer.concat(chunks).toString() };
  };
}
