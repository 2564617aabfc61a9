// Cold peers: the first connection between two identities, with the handshake between their proxies in it.
//
// Certificates are fetched when a pod joins, so they are there. Between two bursts the tunnels are cut in
// the client pods' networks, which makes every pair cold again.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import net from 'node:net';
import { destroyTcpConnections, tcpConnections } from '../../src/linux/connections.ts';
import { connectTcp, listenTcp } from '../../src/linux/tcp.ts';
import { causeChain } from '../../src/runtime/errors.ts';
import type { Measurement, Prepared, Sample, Turn } from '../measurement.ts';
import { coldClients, coldServers, ports } from '../stage/manifests.ts';
import type { Inside, Stage } from '../stage/stage.ts';
import { median, percentile } from '../statistics.ts';

const tunnelPort = 15_008;
/** Handshakes at once: enough to keep two cores busy, too few to measure a queue. */
const width = 4;
/** A burst is over in a fraction of a second; several make a look. */
const burstsPerSecond = 2;
const answerMs = 10_000;

const paths = ['direct', 'ztunnels', 'outside'];

export const coldPeers: Measurement = {
  name: 'cold-peers',
  summary: `the first connection of ${coldClients * coldServers} pairs of identities, ${width} at once: TLS handshakes included, certificates at hand`,
  metrics: [
    { name: 'peers', unit: '/s', better: 'higher' },
    { name: 'p50', unit: 'ms', better: 'lower' },
    { name: 'p99', unit: 'ms', better: 'lower' },
  ],
  paths,
  tools: [],
  needsMesh: true,
  warmUp: true,
  prepare,
};

interface Cast {
  readonly clients: readonly Inside[];
  readonly servers: readonly Inside[];
}

async function prepare(stage: Stage | undefined): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  await using stack = new AsyncDisposableStack();
  const casts = new Map<string, Cast>();
  for (const { path, namespace, withColdPeers } of stage.plans) {
    if (!withColdPeers) continue;
    const members = async (role: string, count: number): Promise<Inside[]> =>
      await Promise.all(
        Array.from({ length: count }, (_, index) => stage.inside(namespace, `${role}-${index}`)),
      );
    const clients = await members('cold-client', coldClients);
    const servers = await members('cold-server', coldServers);
    for (const server of servers) stack.use(greeter(server));
    casts.set(path, { clients, servers });
  }
  const owned = stack.move();
  return {
    paths: [...casts.keys()],
    sample: async (path, turn) => await look(path, casts.get(path), turn),
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

/** A listener inside a pod that sends a byte to whoever connects. */
function greeter(server: Inside): AsyncDisposable {
  const { fd } = listenTcp({ host: '0.0.0.0', port: ports.echo, namespace: server.namespace });
  const listener = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.end('.');
  });
  listener.listen({ fd });
  return {
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await once(listener, 'close');
    },
  };
}

async function look(path: string, cast: Cast | undefined, turn: Turn): Promise<Sample> {
  if (cast === undefined) throw new TypeError(`no path ${path}`);
  const pairs = cast.clients.flatMap((client) =>
    cast.servers.map((server) => ({ client, server })),
  );
  const rates: number[] = [];
  const times: number[] = [];
  const failures: string[] = [];
  const bursts = turn.seconds * burstsPerSecond;
  for (let burst = 0; burst < bursts; burst++) {
    turn.signal.throwIfAborted();
    await makeCold(cast, turn.signal);
    const waiting = [...pairs];
    const start = performance.now();
    const worker = async (): Promise<void> => {
      for (let pair = waiting.shift(); pair !== undefined; pair = waiting.shift()) {
        const begun = performance.now();
        try {
          await greetedBy(pair.client, pair.server, turn.signal);
          times.push(performance.now() - begun);
        } catch (error) {
          failures.push(`${pair.client.name} to ${pair.server.name}: ${causeChain(error)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: width }, worker));
    rates.push(pairs.length / ((performance.now() - start) / 1000));
  }
  const [failure] = failures;
  if (times.length === 0) return { figures: {}, errors: failures.length, note: failure ?? 'none' };
  return {
    figures: { peers: median(rates), p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
    errors: failures.length,
    ...(failure !== undefined && { note: failure }),
  };
}

/** Connects and waits for the server's byte: a proxy accepts before it has a way on. */
async function greetedBy(client: Inside, server: Inside, signal: AbortSignal): Promise<void> {
  const { namespace } = client;
  const target = { host: server.address, port: ports.echo, namespace, signal };
  const socket: Socket = await connectTcp(target);
  try {
    socket.setTimeout(answerMs, () => socket.destroy(new Error('no byte came')));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once('data', () => resolve());
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('it ended before the first byte')));
    socket.once('close', () => reject(new Error('it closed before the first byte')));
    await promise;
  } finally {
    socket.destroy();
  }
}

/** Cuts the tunnels of all clients and waits until none is left. */
async function makeCold({ clients }: Cast, signal: AbortSignal): Promise<void> {
  for (const { namespace } of clients) {
    for (;;) {
      signal.throwIfAborted();
      const open = (await tcpConnections(namespace)).filter(
        ({ remote, over }) => !over && remote.endsWith(`:${tunnelPort}`),
      );
      if (open.length === 0) break;
      await destroyTcpConnections(open, namespace);
    }
  }
}
