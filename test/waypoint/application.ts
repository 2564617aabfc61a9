// An application behind the waypoint under test.

import type { IncomingMessage, ServerResponse } from 'node:http';
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
