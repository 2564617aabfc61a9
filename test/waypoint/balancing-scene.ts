// Pods behind a waypoint that say their names, asked by one client.

import { once } from 'node:events';
import * as http2 from 'node:http2';
import { toDuplex } from '../../src/dataplane/duplex-stream.ts';
import type { OutlierDetection, TrafficPolicy } from '../../src/mesh/destination.ts';
import type { Retries } from '../../src/mesh/route.ts';
import { keyOfService, type Service } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import {
  serviceOf,
  startApp,
  startWaypoint,
  type WaypointUnderTest,
  workloadAt,
} from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

export const service = serviceOf('reviews');
export const key = keyOfService(service);
export const detection: OutlierDetection = {
  consecutive5xxErrors: 1,
  consecutiveGatewayErrors: 0,
  splitExternalLocalOriginErrors: false,
  consecutiveLocalOriginFailures: 5,
  intervalMs: 1_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
};

export interface Pod {
  readonly name: string;
  readonly place?: string;
  readonly changes?: Partial<Workload>;
  status?: number;
}

export function placed({ name, place = '', changes = {} }: Pod): Workload {
  const [region = '', zone = '', subzone = ''] = place.split('/');
  return workloadAt(name, { locality: { region, zone, subzone }, ...changes });
}

export interface Scene {
  readonly waypoint: WaypointUnderTest;
  readonly clock: ManualClock;
  /** Answers of how many requests each pod gave. */
  readonly send: (
    count: number,
    headers?: Headers | ((index: number) => Headers),
  ) => Promise<Map<string, number>>;
  readonly one: (headers?: Headers, path?: string) => Promise<http2.IncomingHttpHeaders>;
  readonly rule: (policy: TrafficPolicy, retries?: Retries) => void;
  readonly add: (pod: Pod) => Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

/** Pods that say their names, asked over one connection. */
export async function scene(
  stack: AsyncDisposableStack,
  pods: readonly Pod[],
  changes: Partial<Service> = {},
): Promise<Scene> {
  const clock = new ManualClock();
  const waypoint = await startWaypoint(stack, { clock });
  const own = { ...service, ...changes };
  waypoint.mesh.services.push(own);
  waypoint.mesh.own = placed({ name: 'waypoint', place: 'r1/z1/s1' });
  const add = async (pod: Pod): Promise<void> => {
    const app = await startApp(stack, (_request, response) => {
      response.writeHead(pod.status ?? 200, { 'x-pod': pod.name }).end();
    });
    waypoint.mesh.add(own, placed(pod), app.port);
  };
  for (const pod of pods) await add(pod);
  const rule: Scene['rule'] = (policy, retries = { attempts: 0, retryOn: '' }) =>
    waypoint.configure({
      service: key,
      routes: [{ origin: 'r', matches: [], backends: [{ service: key, weight: 1 }], retries }],
      destination: { origin: 'DestinationRule default/r', subsets: [], policy },
    });
  rule({});
  const duplex = toDuplex(await waypoint.open());
  const session = http2.connect('http://reviews:9080', { createConnection: () => duplex });
  session.on('error', () => undefined);
  stack.defer(() => session.destroy());
  const one: Scene['one'] = async (headers = {}, path = '/') => {
    const stream = session.request({ ':path': path, ...headers });
    stream.resume().end();
    const [answer] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    return answer;
  };
  const send: Scene['send'] = async (count, headers = {}) => {
    const counts = new Map<string, number>();
    for (let index = 0; index < count; index++) {
      const answer = await one(typeof headers === 'function' ? headers(index) : headers);
      const pod = String(answer['x-pod'] ?? 'none');
      counts.set(pod, (counts.get(pod) ?? 0) + 1);
    }
    return counts;
  };
  return { waypoint, clock, send, one, rule, add };
}
