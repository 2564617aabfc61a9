// Plain JSON requests to the Kubernetes API, with the address and credentials of a kubeconfig or of
// the pod. Objects stay as the API sends them: nothing is dropped and dates are texts.

import { Agent, type RequestOptions, request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { AmbitError } from '../../runtime/errors.ts';
import type { KubernetesObject } from '../kinds/object.ts';

/** A refusal by the API server. */
export class ApiError extends AmbitError {
  /** The HTTP status. */
  readonly status: number;
  /** The machine-readable reason, such as `NotFound`. */
  readonly reason: string;

  constructor(what: string, status: number, reason: string, message: string) {
    super('AMB1622', `${what} answered ${status} ${reason}: ${message}`);
    this.status = status;
    this.reason = reason;
  }
}

/** The kinds of patch in use. */
export type PatchType = 'merge' | 'apply';

const contentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** The name that the controller's own fields are kept under. */
export const fieldManager = 'ambit-controller';

const requestTimeoutMs = 15_000;
/** Larger answers are not read. */
const maxAnswerBytes = 256 * 1024 * 1024;
const pageSize = 500;

interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

/** Speaks to the API server. */
export class ApiClient implements Disposable {
  readonly config: KubeConfig;
  readonly #server: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(config: KubeConfig) {
    this.config = config;
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new AmbitError('AMB1622', 'no API server is configured');
    this.#server = cluster.server;
  }

  /** The API server as a pod sees it: address from the environment, mounted token and CA. */
  static inCluster(): ApiClient {
    const config = new KubeConfig();
    config.loadFromCluster();
    return new ApiClient(config);
  }

  /** Gets an object; undefined when there is none. */
  async get<T = KubernetesObject>(path: string): Promise<T | undefined> {
    try {
      return (await this.send('GET', path)) as T;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Lists a collection, page by page. Items get the kind and version that lists leave out. */
  async list(
    path: string,
    selectors: {
      readonly labelSelector?: string | undefined;
      readonly fieldSelector?: string | undefined;
    } = {},
  ): Promise<{ items: KubernetesObject[]; resourceVersion: string }> {
    const items: KubernetesObject[] = [];
    let next = '';
    for (;;) {
      const query = new URLSearchParams({ limit: String(pageSize) });
      if (next !== '') query.set('continue', next);
      for (const [name, value] of Object.entries(selectors)) {
        if (value !== undefined) query.set(name, value);
      }
      const answer = (await this.send('GET', `${path}?${query.toString()}`)) as ListAnswer;
      items.push(...(answer.items ?? []));
      next = answer.metadata?.continue ?? '';
      if (next === '') return { items, resourceVersion: answer.metadata?.resourceVersion ?? '' };
    }
  }

  /** Creates an object. */
  async create(path: string, object: unknown): Promise<KubernetesObject> {
    return (await this.send('POST', path, object)) as KubernetesObject;
  }

  /** Patches an object; `apply` takes over conflicting fields. */
  async patch(path: string, type: PatchType, body: unknown): Promise<KubernetesObject> {
    const query =
      type === 'apply'
        ? `?fieldManager=${fieldManager}&force=true`
        : `?fieldManager=${fieldManager}`;
    const options = { 'content-type': contentTypes[type] };
    return (await this.send('PATCH', `${path}${query}`, body, options)) as KubernetesObject;
  }

  /** Deletes an object; one that is gone already is fine. */
  async delete(path: string): Promise<void> {
    try {
      await this.send('DELETE', path);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  /** Sends a request and reads the JSON answer; rejects with AMB1622 for anything else. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  ): Promise<unknown> {
    const what = `${method} ${path.split('?')[0]}`;
    const url = new URL(this.#server + path);
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      headers: { accept: 'application/json', ...(body === undefined ? {} : headers) },
      timeout: requestTimeoutMs,
    };
    await this.config.applyToHTTPSOptions(options);
    // The library puts an agent of its own there, made anew for each call.
    options.agent = this.#agent;
    const { status, text } = await exchange(url, options, body).catch((error: unknown) => {
      throw new AmbitError('AMB1622', `${what} failed`, { cause: error });
    });
    const answer = parse(text);
    if (status >= 200 && status < 300) return answer;
    const { reason = '', message = text.slice(0, 200) } = (answer ?? {}) as {
      reason?: string;
      message?: string;
    };
    throw new ApiError(what, status, reason, message);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function exchange(
  url: URL,
  options: RequestOptions,
  body: unknown,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxAnswerBytes) outgoing.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
      response.on('error', reject);
    });
    outgoing.on('timeout', () => {
      outgoing.destroy(new Error(`no answer within ${requestTimeoutMs} ms`));
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller shows the text.
    return undefined;
  }
}
