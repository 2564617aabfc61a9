// Connections without a pause, for tests of what must not cost any.

import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';

/** Where the load goes: an echoing server as serve() of ../cni/pod-network.ts makes it. */
export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  /** Of the client. */
  readonly namespace: NetworkNamespace;
}

/** Short connections, four at a time, until stopped. */
export class SteadyLoad {
  readonly failures: string[] = [];
  succeeded = 0;
  #running = true;
  readonly #workers: Promise<unknown>;

  constructor(target: LoadTarget) {
    const work = async (): Promise<void> => {
      while (this.#running) {
        await this.#once(target).catch((error: Error) => this.failures.push(error.message));
      }
    };
    this.#workers = Promise.all(Array.from({ length: 4 }, work));
  }

  async #once(target: LoadTarget): Promise<void> {
    const socket = await connectTcp({ ...target, timeoutMs: 5_000 });
    socket.end('question');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    if (!answer.endsWith('question')) throw new Error(`answered ${answer}`);
    this.succeeded++;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#workers;
  }
}
