// Whether traffic takes the path that a figure will be printed for: a mesh that lets plain text through
// would measure very well.

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { until } from '../../demo/mesh.ts';
import { tcpConnections } from '../../src/linux/connections.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { AmbitError } from '../../src/runtime/errors.ts';
import { ports } from './manifests.ts';
import type { PathPlace, Stage } from './stage.ts';

const tunnelPort = 15_008;

/** Asks through the path until a tunnel to the right peer stands; for `direct`, that none does.
 * @throws AmbitError AMB1830 */
export async function verifyPath(stage: Stage, place: PathPlace): Promise<void> {
  const trafficPath = place.plan.path;
  const peer = await tunnelPeer(stage, place);
  try {
    await until(`traffic by ${trafficPath}`, async () => {
      await askOnce(place);
      const found = await tcpConnections(place.client.namespace);
      const tunnels = found.filter(
        ({ remote, over }) => !over && remote.endsWith(`:${tunnelPort}`),
      );
      if (peer === undefined) return tunnels.length === 0 ? true : undefined;
      return tunnels.some(({ remote }) => remote === `${peer}:${tunnelPort}`) ? true : undefined;
    });
  } catch (error) {
    const what = peer === undefined ? 'it is tunnelled' : `no tunnel to ${peer} was seen`;
    throw new AmbitError('AMB1830', what, { object: `path ${trafficPath}`, cause: error });
  }
}

async function tunnelPeer(stage: Stage, place: PathPlace): Promise<string | undefined> {
  if (place.plan.path === 'direct') return undefined;
  if (place.plan.path !== 'waypoint') return place.server.address;
  const pods = await stage.api.pods(place.plan.namespace);
  const waypoint = pods.find(
    ({ metadata }) => metadata?.labels?.['gateway.networking.k8s.io/gateway-name'] !== undefined,
  );
  return waypoint?.status?.podIP ?? 'the waypoint';
}

async function askOnce({ client, serviceAddress }: PathPlace): Promise<void> {
  const socket = await connectTcp({
    host: serviceAddress,
    port: ports.http,
    namespace: client.namespace,
    signal: AbortSignal.timeout(5_000),
  });
  try {
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')));
    socket.write('GET / HTTP/1.1\r\nhost: server\r\nconnection: close\r\n\r\n');
    const answer = await text(socket);
    if (!answer.includes(' 200 ')) throw new Error(`the answer was ${answer.slice(0, 200)}`);
  } finally {
    socket.destroy();
    if (!socket.closed) await once(socket, 'close');
  }
}
