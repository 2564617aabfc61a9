// The two programs by which the suite works on a cluster: the stock kubectl and our command line. Nothing of
// the project is imported, so that what is seen is what a user sees.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
const lookEveryMs = 500;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A cluster by its kubeconfig. */
export class Programs {
  readonly #env: NodeJS.ProcessEnv;
  readonly #signal: AbortSignal;

  /** `signal` ends whatever is waited for. */
  constructor(kubeconfig: string, signal: AbortSignal) {
    this.#env = { ...process.env, KUBECONFIG: kubeconfig, NO_COLOR: '1' };
    this.#signal = signal;
  }

  /** Runs `kubectl WORDS`; rejects with what it says when it fails. */
  async kubectl(words: string, input?: object | readonly object[]): Promise<string> {
    const list =
      input === undefined || !Array.isArray(input)
        ? input
        : { kind: 'List', apiVersion: 'v1', items: input as object[] };
    const text = list === undefined ? undefined : JSON.stringify(list);
    const ran = await this.#run('kubectl', words.split(' '), text);
    if (ran.code === 0) return ran.stdout;
    throw new Error(`kubectl ${words}: ${ran.stderr}`);
  }

  /** The same as JSON. */
  async read<T>(words: string): Promise<T> {
    return JSON.parse(await this.kubectl(`${words} -o json`)) as T;
  }

  /** Runs `ambit WORDS`, whatever its exit code. */
  async ambit(words: string): Promise<Ran> {
    return await this.#run(process.execPath, [main, ...words.split(' ')]);
  }

  /** Runs `ambit WORDS`, which must end with 0. Answers its output. */
  async ambitWell(words: string): Promise<string> {
    const { code, stdout, stderr } = await this.ambit(words);
    if (code === 0) return stdout;
    throw new Error(`ambit ${words} ended with ${code}:\n${stdout}${stderr}`);
  }

  /** Looks until there is an answer; rejects with what was waited for when it takes too long. */
  async until<T>(what: string, seconds: number, look: () => Promise<T | undefined>): Promise<T> {
    const end = performance.now() + seconds * 1_000;
    let last = '';
    for (;;) {
      try {
        const seen = await look();
        if (seen !== undefined) return seen;
      } catch (error) {
        last = String(error);
      }
      this.#signal.throwIfAborted();
      if (performance.now() > end) {
        throw new Error(`${what}: not within ${seconds} s${last === '' ? '' : ` (${last})`}`);
      }
      await wait(lookEveryMs, undefined, { signal: this.#signal });
    }
  }

  #run(program: string, args: readonly string[], input?: string): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
      child.stdin.on('error', () => {
        // It has ended without reading, which its exit code tells.
      });
      child.stdin.end(input);
    });
  }
}
