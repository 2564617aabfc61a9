// The mesh that the demo drives: started and stopped by the command line, changed through the
// Kubernetes API, looked at from outside.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import {
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

export const root = path.resolve(import.meta.dirname, '..');
const waitDeadlineMs = 60_000;
const pollMs = 50;

/** The output and exit code of a command. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ambit ARGS` with the Node of this process. */
export function ambit(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve) => {
    const main = path.join(root, 'src/cli/main.ts');
    const child = spawn(process.execPath, [main, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}

/** A pod as far as the demo looks. */
export interface PodView extends KubernetesObject {
  readonly spec: { readonly nodeName?: string };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly restartCount: number;
    }[];
  };
}

/** The API of a running mesh. */
export class MeshApi {
  readonly #objects: KubernetesObjectApi;

  constructor(kubeconfig: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    this.#objects = KubernetesObjectApi.makeApiClient(config);
  }

  /** Applies every document of a file below the repository, into the default namespace. */
  async applyFile(file: string): Promise<void> {
    for (const document of parseAllDocuments(readFileSync(path.join(root, file), 'utf8'))) {
      await this.apply(document.toJS() as KubernetesObject);
    }
  }

  async apply(object: KubernetesObject): Promise<void> {
    const placed = {
      ...object,
      metadata: Object.assign({ namespace: 'default' }, object.metadata),
    };
    await this.#objects.patch(
      placed,
      undefined,
      undefined,
      'demo',
      true,
      PatchStrategy.ServerSideApply,
    );
  }

  /** Merges into an object that exists; null removes a field. */
  async merge(object: object): Promise<void> {
    await this.#objects.patch(
      object as KubernetesObject,
      undefined,
      undefined,
      undefined,
      undefined,
      PatchStrategy.MergePatch,
    );
  }

  async label(
    kind: 'Namespace' | 'Service',
    name: string,
    key: string,
    value: string | null,
  ): Promise<void> {
    const namespace = kind === 'Namespace' ? {} : { namespace: 'default' };
    await this.merge({
      apiVersion: 'v1',
      kind,
      metadata: { name, ...namespace, labels: { [key]: value } },
    });
  }

  async delete(object: KubernetesObject): Promise<void> {
    await this.#objects.delete({
      ...object,
      metadata: Object.assign({ namespace: 'default' }, object.metadata),
    });
  }

  async pods(namespace = 'default'): Promise<readonly PodView[]> {
    const list = await this.#objects.list<PodView>('v1', 'Pod', namespace);
    return list.items;
  }

  read(
    apiVersion: string,
    kind: string,
    name: string,
    namespace = 'default',
  ): Promise<KubernetesObject> {
    return this.#objects.read({ apiVersion, kind, metadata: { name, namespace } });
  }
}

/** Whether the kubelet says that a pod is ready. */
export function isReady(pod: PodView): boolean {
  return (
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ??
    false
  );
}

/** Asks until the answer is not undefined; throws after a minute with what was awaited. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + waitDeadlineMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`waited ${waitDeadlineMs / 1000} s for ${what}`, { cause: last });
}

/** An answer with its body. */
export interface Got {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

/** GET from the published page, over a connection of its own. */
export function get(
  port: number,
  where: string,
  headers: Record<string, string> = {},
  timeout = 10_000,
): Promise<Got> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const options = {
      port,
      host: '127.0.0.1',
      path: where,
      headers,
      agent: false,
      timeout,
    };
    const request = http.get(options, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, ms: performance.now() - start }),
      );
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${where}`)));
    request.on('error', reject);
  });
}

/** A port of the host's loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve((address as net.AddressInfo).port));
    });
  });
}
