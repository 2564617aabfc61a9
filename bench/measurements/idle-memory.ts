// What each process holds when nothing happens: resident memory, beside that of a Node that does nothing.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Measurement, Prepared } from '../measurement.ts';
import { residentBytes } from '../stage/processes.ts';
import type { Stage } from '../stage/stage.ts';

const bare = 'a bare Node';

export const idleMemory: Measurement = {
  name: 'memory-idle',
  summary: 'resident memory of each process, before any traffic, beside a Node that does nothing',
  metrics: [{ name: 'resident', unit: 'MB', better: 'lower' }],
  paths: [bare, 'ztunnel', 'waypoint', 'node agent', 'controller', 'outside'],
  tools: [],
  needsMesh: true,
  maxRounds: 1,
  warmUp: false,
  prepare,
};

async function prepare(stage: Stage | undefined): Promise<Prepared> {
  if (stage === undefined) throw new TypeError('this measurement needs a mesh');
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1e6)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  const { pid } = child;
  if (pid === undefined) throw new TypeError('no Node could be started');
  const waypoint = stage.plans.find(({ path }) => path === 'waypoint')?.namespace ?? '';
  const processes = new Map([
    [bare, pid],
    ['ztunnel', await stage.processOf('ambit/ztunnel', { node: 'node1' })],
    ['waypoint', await stage.processOf('ambit/waypoint', { namespace: waypoint })],
    ['node agent', await stage.processOf('ambit/node-agent', { node: 'node1' })],
    ['controller', await stage.processOf('ambit/controller')],
  ]);
  if (stage.plans.some(({ path }) => path === 'outside')) {
    processes.set('outside', await stage.processOf('ambit/ztunnel', { node: 'node3' }));
  }
  return {
    paths: [...processes.keys()],
    sample: (path) => {
      const resident = residentBytes(processes.get(path) ?? Number.NaN) / 1e6;
      return Promise.resolve({ figures: { resident }, errors: 0 });
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
