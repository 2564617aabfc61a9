// An API server in a temporary folder, and the stock kubectl on it.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/runtime/log.ts';
import {
  type ApiServer,
  type ApiServerOptions,
  startApiServer,
} from '../../../src/standalone/api/api-server.ts';
import type { PodAccess } from '../../../src/standalone/api/pods/pod-access.ts';

/** What a finished command left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Harness {
  readonly folder: string;
  readonly server: ApiServer;
  readonly kubeconfig: string;
  /** Runs kubectl to its end; words are separated by spaces, `input` goes to standard input. */
  kubectl(
    words: string | readonly string[],
    input?: string,
    extraEnv?: Readonly<Record<string, string>>,
  ): Promise<Finished>;
  /** Runs kubectl and answers its output; throws with its error output when it fails. */
  succeed(words: string | readonly string[], input?: string): Promise<string>;
  /** Starts kubectl without waiting for its end; it is stopped with the test. */
  start(words: string, extraEnv?: Readonly<Record<string, string>>): ChildProcess;
  /** The minor version of kubectl: Debian's is 1.20, and newer ones can do more. */
  readonly kubectlMinor: number;
  /** Stops the server and starts it again on the same state. */
  restart(): Promise<ApiServer>;
}

/** Pods that cannot be reached, for tests that need none. */
export const noPods: PodAccess = {
  // oxlint-disable-next-line require-yield
  async *logs() {
    throw new Error('no pods here');
  },
  connect: () => Promise.reject(new Error('no pods here')),
};

/** Starts a server whose end belongs to `stack`. */
export async function startHarness(
  stack: AsyncDisposableStack,
  options: Partial<ApiServerOptions> = {},
): Promise<Harness> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ambit-api-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const start = (port: number): Promise<ApiServer> =>
    startApiServer({
      databasePath: path.join(folder, 'state.db'),
      pkiFolder: path.join(folder, 'pki'),
      listeners: [{ host: '127.0.0.1', port }],
      clock: systemClock,
      log: silentLogger,
      podAccess: noPods,
      ...options,
    });
  let server = await start(0);
  stack.defer(() => server.close());
  const kubeconfig = path.join(folder, 'kubeconfig');
  server.writeKubeconfig(kubeconfig);
  const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: kubeconfig, EDITOR: 'false' };
  const wordsOf = (words: string | readonly string[]): string[] =>
    typeof words === 'string' ? words.split(' ') : [...words];

  const kubectl: Harness['kubectl'] = (words, input, extraEnv = {}) =>
    new Promise((resolve) => {
      const child = execFile(
        'kubectl',
        wordsOf(words),
        { env: { ...env, ...extraEnv } },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolve({ code, stdout, stderr });
        },
      );
      child.stdin?.end(input ?? '');
    });
  const { stdout } = await kubectl('version --client -o json');
  const kubectlMinor = Number(/"minor": "(\d+)/.exec(stdout)?.[1] ?? 0);
  return {
    kubectlMinor,
    folder,
    get server() {
      return server;
    },
    kubeconfig,
    kubectl,
    async succeed(words, input) {
      const { code, stdout, stderr } = await kubectl(words, input);
      if (code !== 0) throw new Error(`kubectl ${wordsOf(words).join(' ')}: ${stderr}`);
      return stdout;
    },
    start(words, extraEnv = {}) {
      const child = spawn('kubectl', wordsOf(words), {
        env: { ...env, ...extraEnv },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      stack.defer(() => stopped(child));
      return child;
    },
    async restart() {
      const { port } = server;
      await server.close();
      server = await start(port);
      return server;
    },
  };
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.on('close', resolve);
    child.kill('SIGTERM');
  });
}

/** Waits until the condition holds, asked again after every turn of the event loop. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  while (!(await condition())) {
    signal.throwIfAborted();
    await systemClock.wait(20, signal);
  }
}

/** Resolves when the output of a child contains the text. */
export function outputWith(
  child: ChildProcess,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
      if (seen.includes(text)) resolve(seen);
    });
    child.on('close', () => reject(new Error(`ended without ${JSON.stringify(text)}: ${seen}`)));
    signal.addEventListener('abort', () => reject(new Error(`no ${text} in: ${seen}`)));
  });
}
