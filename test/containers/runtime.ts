// containerd on a machine of its own, and the kubelet's side of it: pods and containers through the
// runtime interface, so that the CNI chain runs as on any node.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import type { Machine, Process } from './machine.ts';
import type { Programs } from './programs.ts';
import { calls, decode, encode, type Message } from './runtime-messages.ts';

type CallName = keyof typeof calls;
const callDeadlineMs = 30_000;

/** Where a runtime keeps what, all below a folder of the test. */
export interface RuntimeFolders {
  readonly configurations: string;
  readonly plugins: string;
}

/** A running containerd. */
export class Runtime implements AsyncDisposable {
  readonly folders: RuntimeFolders;
  readonly #client: Client;
  readonly #program: Process;

  private constructor(client: Client, program: Process, folders: RuntimeFolders) {
    this.#client = client;
    this.#program = program;
    this.folders = folders;
  }

  /** Starts it with an image, which sandboxes use too. */
  static async start(
    machine: Machine,
    programs: Programs,
    options: { folder: string; archives: readonly string[]; sandboxImage: string },
  ): Promise<Runtime> {
    const folder = path.join(options.folder, 'containerd');
    const folders = {
      configurations: path.join(options.folder, 'etc/cni/net.d'),
      plugins: path.join(options.folder, 'opt/cni/bin'),
    };
    for (const one of [folder, folders.configurations, folders.plugins]) {
      mkdirSync(one, { recursive: true });
    }
    const socket = '/run/containerd/containerd.sock';
    const file = path.join(folder, 'config.toml');
    writeFileSync(file, configuration(folders, socket, options.sandboxImage));
    const program = machine.start(programs.containerd, ['--config', file], {
      env: { ...programs.environment },
    });
    const client = new Client(`unix:${machine.path(socket)}`, credentials.createInsecure());
    const runtime = new Runtime(client, program, folders);
    try {
      await runtime.#answers();
      for (const archive of options.archives) {
        const load = ['--namespace', 'k8s.io', 'images', 'import', archive];
        await machine.run(programs.ctr, '--address', socket, ...load);
      }
    } catch (error) {
      await runtime[Symbol.asyncDispose]();
      throw new Error(`containerd: ${program.output()}`, { cause: error });
    }
    return runtime;
  }

  /** Whether the runtime has a network configuration that it takes. */
  async networkReady(): Promise<boolean> {
    const { status } = (await this.call('Status', {})) as {
      status: { conditions: { type: string; status?: boolean }[] };
    };
    return status.conditions.some(
      ({ type, status: met }) => type === 'NetworkReady' && met === true,
    );
  }

  /** One call. @throws with the runtime's words */
  async call(name: CallName, request: Message): Promise<Message> {
    const [requestShape, answerShape] = calls[name];
    return await new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest<Message, Message>(
        `/runtime.v1.RuntimeService/${name}`,
        (message) => Buffer.from(encode(requestShape, message)),
        (bytes) => decode(answerShape, bytes),
        request,
        { deadline: Date.now() + callDeadlineMs },
        (error, answer) => {
          if (error === null && answer !== undefined) resolve(answer);
          else reject(error ?? new Error('no answer'));
        },
      );
    });
  }

  get log(): string {
    return this.#program.output();
  }

  async #answers(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#client.waitForReady(Date.now() + callDeadlineMs, (error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
    await Promise.race([
      promise,
      this.#program.exited.then(() => Promise.reject(new Error('ended'))),
    ]);
    await this.call('Status', {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#program.end('SIGKILL').catch(() => undefined); // gone already
  }
}

function configuration(
  { configurations, plugins }: RuntimeFolders,
  socket: string,
  sandboxImage: string,
): string {
  return `version = 2
# In memory: what is imported need not reach a disk.
root = "/run/containerd-root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${sandboxImage}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${configurations}"
`;
}
