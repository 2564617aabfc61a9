// A machine within the machine: mounts, network and processes of its own, which end with it. What runs
// there cannot be left behind, whatever happens to the test.

import { execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';

/** Its own /run, and mounts that containers may see come. */
const setUp = [
  'mount --make-rshared /',
  'mount -t tmpfs -o mode=0755 tmpfs /run',
  'mount --make-shared /run',
  'mkdir -p /run/netns /run/lock',
  'ip link set lo up',
  'echo 1 > /proc/sys/net/ipv4/ip_forward',
  'echo ready',
  'exec sleep infinity',
].join(' && ');

/** A running machine. */
export interface Machine {
  readonly network: NetworkNamespace;
  /** The name of the group that its containers belong to, removed with the machine. */
  readonly cgroup: string;
  /** Its path of a file, as this process reaches it. */
  path(file: string): string;
  /** Runs a command to its end; gives what it printed. @throws with what it complained of */
  run(command: string, ...args: string[]): Promise<string>;
  /** Starts a program there. */
  start(command: string, args: readonly string[], options?: SpawnOptions): Process;
}

/** A program that was started in the machine. */
export interface Program {
  readonly output: () => string;
  /** Signals the program itself; resolves when it has ended. */
  end(signal: NodeJS.Signals): Promise<void>;
}

/** A program of which it is known when it ends. */
export interface Process extends Program {
  readonly exited: Promise<unknown>;
}

/** Makes a machine, which ends with the stack. */
export async function makeMachine(stack: AsyncDisposableStack): Promise<Machine> {
  const spaces = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const cgroup = `ambit-containers-${process.pid}`;
  stack.defer(() => removeCgroups('/sys/fs/cgroup', cgroup));
  const holder = spawn('unshare', [...spaces, 'sh', '-c', setUp], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(holder, 'exit');
  let complaint = '';
  holder.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ready = once(holder.stdout, 'data');
  const early = ended.then(() =>
    Promise.reject(new Error(`no machine could be made: ${complaint}`)),
  );
  await Promise.race([ready, early]);
  const pid = childOf(holder.pid!);
  // Its first process takes all others with it, and ends after them.
  stack.defer(async () => {
    process.kill(pid, 'SIGKILL');
    await ended;
  });
  const network = stack.use(NetworkNamespace.open(`/proc/${pid}/ns/net`));
  const enter = ['--target', String(pid), '--mount', '--net', '--pid', '--'];
  return {
    network,
    cgroup,
    path: (file) => `/proc/${pid}/root${file}`,
    run: async (command, ...args) => {
      const { stdout } = await promisify(execFile)('nsenter', [...enter, command, ...args]);
      return stdout;
    },
    start: (command, args, options = {}) =>
      started(spawn('nsenter', [...enter, command, ...args], { ...options, stdio: 'pipe' })),
  };
}

function started(child: ReturnType<typeof spawn>): Process {
  let text = '';
  const gather = (chunk: Buffer): void => {
    text += chunk.toString();
  };
  child.stdout?.on('data', gather);
  child.stderr?.on('data', gather);
  const exited = once(child, 'exit');
  return {
    output: () => text,
    exited,
    end: async (signal) => {
      // nsenter passes no signals on; the program is its only child.
      process.kill(childOf(child.pid!), signal);
      await exited;
    },
  };
}

/** Removes a group in every hierarchy; those of version 1 are folders of the root. */
function removeCgroups(root: string, name: string): void {
  const hierarchies = readdirSync(root, { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const top of ['', ...hierarchies.map((one) => one.name)]) {
    const folder = path.join(root, top, name);
    if (!existsSync(folder)) continue;
    const below = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((one) => one.isDirectory())
      .map((one) => path.join(one.parentPath, one.name));
    // The deepest first: a group must be empty.
    for (const one of below.toSorted((a, b) => b.length - a.length)) rmdirSync(one);
    rmdirSync(folder);
  }
}

/** The only child of a process. */
function childOf(pid: number): number {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    if (children !== '') return Number(children.split(' ')[0]);
  }
  throw new Error(`process ${pid} has no child`);
}
