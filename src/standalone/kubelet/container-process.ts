// One run of a container: a process group of its own, inside the pod's network namespace and a mount
// namespace of its own. It ends with the supervisor, also when that is killed.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { ContainerLog } from './container-log.ts';
import { type LaunchPlan, launchScript } from './launch-script.ts';

export interface LaunchOptions extends LaunchPlan {
  /** `namespace/pod/container`, for messages. */
  readonly name: string;
  readonly words: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly namespace: NetworkNamespace;
  readonly log: ContainerLog;
}

/** How a process ended, as a container status tells it. */
export interface Exit {
  readonly exitCode: number;
  readonly signal?: number;
}

/** Signal numbers for exit codes: 128 + signal, as shells and runtimes have it. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** A started container process. */
export class ContainerProcess {
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly exited: Promise<Exit>;
  /** Settles when its output has ended too, or shortly after the process: descendants may hold it. */
  readonly output: Promise<void>;

  private constructor(pid: number, exited: Promise<Exit>, output: Promise<void>) {
    this.pid = pid;
    this.exited = exited;
    this.output = output;
  }

  /** Starts a container; resolves when its command runs.
   * @throws AmbitError AMB1115 when its surroundings cannot be made */
  static async start(options: LaunchOptions): Promise<ContainerProcess> {
    const child = options.namespace.run(() => spawnLauncher(options));
    const exited = exitOf(child);
    const output = outputOf(child, exited);
    const [, stdout, stderr, setup] = child.stdio;
    if (stdout != null) options.log.follow(stdout as Readable, 'stdout');
    if (stderr != null) options.log.follow(stderr as Readable, 'stderr');
    const complaint = await textOf(setup as Readable);
    if (child.pid === undefined || complaint !== '') {
      await exited.catch(() => undefined); // its reason is in the complaint
      throw new AmbitError('AMB1115', complaint.trim() || 'no process could be made', {
        object: options.name,
      });
    }
    return new ContainerProcess(child.pid, exited, output);
  }

  /** Signals the whole process group. A group that is gone is fine. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function spawnLauncher(options: LaunchOptions): ChildProcess {
  const own = ['--mount', ...(options.hostname === undefined ? [] : ['--uts'])];
  const args = [
    ...own,
    '--propagation',
    'slave',
    '--',
    '/bin/sh',
    '-c',
    launchScript(options),
    'sh',
  ];
  return spawn('unshare', [...args, ...options.words], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: Object.fromEntries(options.env),
  });
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 127 }));
    child.once('exit', (code, signal) => {
      const number = signal === null ? undefined : signalNumbers[signal];
      resolve(
        code !== null
          ? { exitCode: code }
          : { exitCode: 128 + (number ?? 0), ...(number === undefined ? {} : { signal: number }) },
      );
    });
  });
}

/** How long output is awaited after the end of the process. */
const outputGraceMs = 1_000;

async function outputOf(child: ChildProcess, exited: Promise<Exit>): Promise<void> {
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await exited;
  const timer = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, outputGraceMs);
  await closed;
  clearTimeout(timer);
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  return Buffer.concat(chunks).toString('utf8').slice(0, 4096);
}
