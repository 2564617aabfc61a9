// What an open connection that says nothing costs each proxy. Every round opens more of them and keeps the
// earlier ones, so that memory which the first ones freed is not counted twice.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connectTcp } from '../../src/linux/tcp.ts';
import type { Measurement, Sample, Turn } from '../measurement.ts';
import { ports } from '../stage/manifests.ts';
import { residentBytes } from '../stage/processes.ts';
import { overPaths, type Route } from './traffic.ts';

const connectionsPerRound = 1_000;
const width = 16;
const paths = ['ztunnels', 'waypoint', 'outside'];

export const tunnelMemory: Measurement = {
  name: 'memory-tunnels',
  summary: `growth of each proxy's resident memory by ${connectionsPerRound} more idle connections; no path without proxies, so no ratio to one`,
  metrics: [
    { name: 'client proxy', unit: 'kB/connection', better: 'lower' },
    { name: 'waypoint', unit: 'kB/connection', better: 'lower' },
    { name: 'server proxy', unit: 'kB/connection', better: 'lower' },
  ],
  paths,
  tools: [],
  needsMesh: true,
  maxRounds: 3,
  warmUp: true,
  prepare: async (stage) => {
    const held: Socket[] = [];
    const prepared = await overPaths(stage, paths, async (route, turn) => {
      return await look(route, turn, held);
    });
    return {
      ...prepared,
      [Symbol.asyncDispose]: async () => {
        for (const socket of held) socket.destroy();
        await prepared[Symbol.asyncDispose]();
      },
    };
  },
};

async function look({ place, proxies }: Route, turn: Turn, held: Socket[]): Promise<Sample> {
  const { namespace } = place.client;
  const target = { host: place.serviceAddress, port: ports.echo, namespace, signal: turn.signal };
  const before = proxies.map(({ pid }) => residentBytes(pid));
  let left = connectionsPerRound;
  let errors = 0;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const socket = await connectTcp(target);
      held.push(socket);
      socket.on('error', () => errors++);
      await once(socket, 'data', { signal: turn.signal });
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  const growth = proxies.map(({ name, pid }, index) => {
    const bytes = residentBytes(pid) - (before[index] ?? Number.NaN);
    return [name, bytes / connectionsPerRound / 1000];
  });
  return { figures: Object.fromEntries(growth) as Record<string, number>, errors };
}
