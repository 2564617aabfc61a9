// Running the kernel's tools (nft, ip, ss) inside a namespace, with a script on standard input.

import { type ChildProcess, spawn } from 'node:child_process';
import { LinuxError } from './errors.ts';
import type { NetworkNamespace } from './network-namespace.ts';

const deadlineMs = 10_000;
/** How much of a tool's output is kept. */
const maxOutputBytes = 64 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;
/** The tools live in sbin, which an ordinary user's PATH often lacks. */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

export interface Command {
  readonly program: 'nft' | 'ip' | 'ss';
  readonly args: readonly string[];
  /** Goes to standard input. */
  readonly script?: string;
  readonly namespace?: NetworkNamespace | undefined;
}

/** Runs a tool and gives its standard output.
 * @throws LinuxError with what the tool said; EPERM when it lacked the privilege, ENOENT when it is
 * not installed, ETIMEDOUT after 10 s */
export async function runCommand(command: Command): Promise<string> {
  const operation = `${command.program} ${command.args.join(' ')}`;
  const child = start(command);
  const output = collect(child.stdout, maxOutputBytes);
  const errors = collect(child.stderr, maxErrorBytes);
  // A tool that ends without reading its script breaks the pipe; its exit code tells more.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(command.script ?? '');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, deadlineMs);
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', (error: NodeJS.ErrnoException) =>
    reject(new LinuxError(operation, error.code ?? 'EIO', { cause: error })),
  );
  child.once('close', resolve);
  try {
    const code = await promise;
    if (code === 0) return output();
    const stderr = errors().trim();
    throw new LinuxError(operation, late ? 'ETIMEDOUT' : errnoOf(stderr), { stderr });
  } finally {
    clearTimeout(timer);
  }
}

function start(command: Command): ChildProcess {
  const begin = (): ChildProcess =>
    spawn(command.program, command.args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment });
  return command.namespace === undefined ? begin() : command.namespace.run(begin);
}

function collect(stream: NodeJS.ReadableStream | null, limit: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on('data', (chunk: Buffer) => {
    if (size < limit) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString();
}

const phrases: readonly (readonly [RegExp, string])[] = [
  [/operation not permitted|permission denied/i, 'EPERM'],
  [/file exists/i, 'EEXIST'],
  [/no such device|cannot find device|does not exist/i, 'ENODEV'],
  [/no such process/i, 'ESRCH'],
  [/no such file/i, 'ENOENT'],
  [/address already/i, 'EEXIST'],
];

/** The errno behind what a tool wrote; EIO if it does not say. */
export function errnoOf(stderr: string): string {
  return phrases.find(([pattern]) => pattern.test(stderr))?.[1] ?? 'EIO';
}
