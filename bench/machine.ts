// What the figures were taken on.

import os from 'node:os';

/** Facts that a reader of the figures needs. */
export interface Machine {
  readonly at: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  /** Average number of busy tasks in the minute before: the figures of a busy machine say little. */
  readonly load: number;
}

/** Load per core above which a report calls its figures disturbed. */
const quietLoadPerCore = 0.5;

export function thisMachine(now: Date): Machine {
  return {
    at: now.toISOString(),
    processor: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    node: process.version,
    load: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Whether others were at work when the run began. */
export function isDisturbed({ load, cores }: Machine): boolean {
  return load > cores * quietLoadPerCore;
}
