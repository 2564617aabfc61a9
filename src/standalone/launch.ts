// Starting a supervisor: in which namespaces it may run, which sockets of the machine it inherits, and what
// it tells while it starts.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { LinuxError } from '../linux/errors.ts';
import { privileges } from '../linux/privileges.ts';
import { listenTcp } from '../linux/tcp.ts';
import { AmbitError } from '../runtime/errors.ts';
import { type Progress, progressOf, type Report } from './progress.ts';
import { type MeshPaths, makeStateFolder, meshPaths } from './state-folder.ts';
import type { SupervisorSettings } from './supervisor-settings.ts';

/** Where the API server listens unless it is taken. */
const preferredApiPort = 6443;
/** A supervisor log of this size is set aside at the next start. */
const maxLogBytes = 10 * 1024 * 1024;

export interface LaunchOptions {
  readonly settings: Omit<SupervisorSettings, 'apiPort'>;
  /** An explicit port of the API server. */
  readonly port?: number;
  readonly report: Report;
}

/** A supervisor that has been started. */
export interface Launched {
  /** Settles when it is up, with whether all of the mesh is ready; rejects when it never will. */
  readonly ready: Promise<boolean>;
  /** Its exit code. */
  readonly exited: Promise<number>;
  /** Asks it to end. */
  stop(): void;
  /** Lets it go on by itself. */
  release(): void;
}

/** Starts a supervisor. @throws AmbitError AMB1101 (privileges), AMB1103 (a port is in use) */
export function launchSupervisor(options: LaunchOptions): Launched {
  const enter = namespaceWords();
  const paths = meshPaths(options.settings.stateParent, options.settings.mesh);
  const inherited: number[] = [];
  try {
    const api = apiListener(options.port);
    inherited.push(api.fd);
    for (const { hostPort } of options.settings.publish) {
      inherited.push(loopbackListener(hostPort, '--publish').fd);
    }
    makeStateFolder(paths);
    const log = openLog(paths);
    inherited.push(log);
    const settings: SupervisorSettings = { ...options.settings, apiPort: api.port };
    const main = path.join(settings.repository, 'src/standalone/main.ts');
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', main] as const;
    const words = [...enter, ...node, JSON.stringify(settings)];
    const child = spawn(words[0] ?? node[0], words.slice(1), {
      detached: true,
      stdio: ['ignore', log, log, 'pipe', ...inherited.slice(0, -1)],
    });
    return follow(child, paths, options.report);
  } finally {
    for (const fd of inherited) closeSync(fd);
  }
}

/** The words before the supervisor's own: none for root, else those that enter a user namespace. */
function namespaceWords(): string[] {
  const { root, userNamespaces, missing } = privileges();
  if (root) return [];
  if (!userNamespaces) throw new AmbitError('AMB1101', `missing: ${missing.join('; ')}`);
  const ownProcesses = canMountProc();
  const script = [
    'set -e',
    // The machine's /proc still shows our pid on the machine; afterwards only the namespace's.
    'read -r AMBIT_HOST_PID rest < /proc/self/stat',
    'export AMBIT_HOST_PID',
    ...(ownProcesses ? ['mount -t proc proc /proc'] : []),
    'mount -t tmpfs -o mode=0755 tmpfs /run',
    'PATH=$PATH:/usr/sbin:/sbin ip link set lo up',
    'exec "$@"',
  ].join('\n');
  const kinds = ['--user', '--map-root-user', '--net', '--mount'];
  const own = ownProcesses ? ['--pid', '--fork', '--kill-child'] : [];
  return ['unshare', ...kinds, ...own, '--', '/bin/sh', '-c', script, 'sh'];
}

/** Whether a pid namespace can be had, which makes everything end with the supervisor. Containers that
 * hide parts of /proc forbid it; each container process is then bound to the supervisor one by one. */
function canMountProc(): boolean {
  const kinds = ['--user', '--map-root-user', '--mount', '--pid', '--fork'];
  const mount = ['mount', '-t', 'proc', 'proc', '/proc'];
  return spawnSync('unshare', [...kinds, '--', ...mount], { stdio: 'ignore' }).status === 0;
}

function apiListener(port: number | undefined): { fd: number; port: number } {
  if (port !== undefined) return loopbackListener(port, '--port');
  try {
    return listenTcp({ host: '127.0.0.1', port: preferredApiPort });
  } catch {
    return listenTcp({ host: '127.0.0.1', port: 0 }); // somebody has the usual one
  }
}

function loopbackListener(port: number, flag: string): { fd: number; port: number } {
  try {
    return listenTcp({ host: '127.0.0.1', port });
  } catch (error) {
    const errno = error instanceof LinuxError ? error.errno : String(error);
    const problem =
      errno === 'EADDRINUSE'
        ? `127.0.0.1:${port} is in use by another process`
        : `127.0.0.1:${port} cannot be listened on: ${errno}`;
    throw new AmbitError('AMB1103', problem, { object: flag, cause: error });
  }
}

function openLog({ supervisorLog }: MeshPaths): number {
  try {
    const size = statSync(supervisorLog, { throwIfNoEntry: false })?.size ?? 0;
    if (size > maxLogBytes) renameSync(supervisorLog, `${supervisorLog}.1`);
    return openSync(supervisorLog, 'a', 0o600);
  } catch (error) {
    throw new AmbitError('AMB1104', 'its log cannot be written', {
      object: supervisorLog,
      cause: error,
    });
  }
}

function follow(child: ChildProcess, paths: MeshPaths, report: Report): Launched {
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (code) => resolve(code ?? 1));
  });
  const ready = Promise.withResolvers<boolean>();
  const channel = child.stdio[3] as Duplex;
  channel.on('error', () => undefined); // its end tells the same
  const take = (progress: Progress): void => {
    report(progress);
    if (progress.kind === 'ready') ready.resolve(progress.complete);
    if (progress.kind === 'failed') ready.reject(new StartFailed(progress));
  };
  createInterface({ input: channel }).on('line', (line) => {
    const progress = progressOf(line);
    if (progress !== undefined) take(progress);
  });
  void exited.then((code) => {
    const message = `the supervisor ended with code ${code}; its log is ${paths.supervisorLog}`;
    ready.reject(new AmbitError('AMB1104', message));
  });
  return {
    ready: ready.promise,
    exited,
    stop: () => {
      if (child.exitCode === null && child.pid !== undefined) endGroup(child.pid);
      channel.destroy();
    },
    release: () => {
      channel.destroy();
      child.unref();
    },
  };
}

/** The group holds the supervisor and, for an ordinary user, what leads into its namespaces. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // it has ended already
  }
}

/** The supervisor said why it cannot start; the words are its own, code included. */
export class StartFailed extends Error {
  override readonly name = 'StartFailed';
  readonly remedy: string;

  constructor({ message, remedy }: { readonly message: string; readonly remedy: string }) {
    super(message);
    this.remedy = remedy;
  }
}
