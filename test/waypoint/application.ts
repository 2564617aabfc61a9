// An application behind the waypoint under test.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { HttpRoute } from '../../src/mesh/route.ts';
import { keyOfService, type ServicePort } from '../../src/mesh/service.ts';
import {
  serviceOf,
  startApp,
  startWaypoint,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';

export type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** A waypoint before one HTTP/1.1 application. */
export async function startOne(
  stack: AsyncDisposableStack,
  listener: Listener,
  options: Parameters<typeof startWaypoint>[1] & {
    protocol?: ServicePort['appProtocol'];
    route?: Partial<HttpRoute>;
  } = {},
): Promise<WaypointUnderTest> {
  const app = await startApp(stack, listener);
  const waypoint = await startWaypoint(stack, options);
  serve(waypoint, app.port, options.protocol, options.route);
  return waypoint;
}

/** Makes a port on loopback another endpoint of the service. */
export function serve(
  waypoint: WaypointUnderTest,
  port: number,
  protocol: ServicePort['appProtocol'] = 'http11',
  route?: Partial<HttpRoute>,
): void {
  const reviews = serviceOf('reviews', protocol);
  const service = keyOfService(reviews);
  if (!waypoint.mesh.services.some((one) => one.name === 'reviews')) {
    waypoint.mesh.services.push(reviews);
  }
  const count = waypoint.mesh.endpointsOf(service).length;
  waypoint.mesh.add(reviews, workloadAt(`reviews-${count}`), port);
  const backends = [{ service, weight: 1 }];
  const routes = route === undefined ? [] : [{ origin: 'r', matches: [], backends, ...route }];
  waypoint.configure({ service, routes });
}

/** An HTTP/2 server on loopback; answers its port. */
export async function startHttp2(
  stack: AsyncDisposableStack,
  listener: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void,
): Promise<number> {
  const server = http2.createServer(listener);
  const sessions = new Set<http2.Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
