// Plain JSON requests to the Kubernetes API, with the address and credentials of a kubeconfig or of
// the pod. Objects stay as the API sends them: nothing is dropped and dates are texts.

import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { AmbitError } from '../../runtime/errors.ts';
import { fieldManager } from '../desired.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { exchange, open, readText } from './exchange.ts';

/** A field that an apply and another manager both want. */
export interface FieldConflict {
  /** As the API writes it, such as `.spec.replicas`. */
  readonly field: string;
  /** Who has it, such as `conflict with "kubectl"`. */
  readonly message: string;
}

/** A refusal by the API server. */
export class ApiError extends AmbitError {
  /** The HTTP status. */
  readonly status: number;
  /** The machine-readable reason, such as `NotFound`. */
  readonly reason: string;
  /** Fields of other managers, where that is the reason. */
  readonly conflicts: readonly FieldConflict[];

  constructor(what: string, status: number, answer: StatusAnswer) {
    const { reason = '', message = '', details } = answer;
    super('AMB1622', `${what} answered ${status} ${reason}: ${message}`);
    this.status = status;
    this.reason = reason;
    this.conflicts = (details?.causes ?? []).flatMap((cause) =>
      cause.reason === 'FieldManagerConflict' && cause.field !== undefined
        ? [{ field: cause.field, message: cause.message ?? '' }]
        : [],
    );
  }
}

/** A Status object, as far as it is read. */
interface StatusAnswer {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
  };
}

/** The kinds of patch in use: `apply` takes nothing from other managers, `take` does. */
export type PatchType = 'merge' | 'apply' | 'take';

const applyType = 'application/apply-patch+yaml';
const contentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  apply: applyType,
  take: applyType,
};

/** How a request is sent. */
export interface SendOptions {
  readonly contentType?: string;
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined;
  /** Longest silence, milliseconds. */
  readonly timeoutMs?: number;
}

/** Which objects of a collection. */
export interface Selectors {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Longest silence before a request is given up. */
const requestTimeoutMs = 15_000;
const pageSize = 500;

interface ListAnswer {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly KubernetesObject[];
}

/** Speaks to the API server. */
export class ApiClient implements Disposable {
  readonly config: KubeConfig;
  readonly #server: string;
  readonly #manager: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 32 });
  /** A watch has a connection for itself, which ends with it. */
  readonly #watching = new Agent({ keepAlive: false });

  constructor(config: KubeConfig, manager: string = fieldManager) {
    this.config = config;
    this.#manager = manager;
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new AmbitError('AMB1622', 'no API server is configured');
    this.#server = cluster.server;
  }

  /** The API server as a pod sees it: address from the environment, mounted token and CA. */
  static inCluster(manager: string): ApiClient {
    const config = new KubeConfig();
    config.loadFromCluster();
    return new ApiClient(config, manager);
  }

  /** Gets an object; undefined when there is none. */
  async get<T = KubernetesObject>(path: string, options?: SendOptions): Promise<T | undefined> {
    try {
      return (await this.send('GET', path, undefined, options)) as T;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Lists a collection, page by page: each is handed over before the next is asked for, so that no more
   * than one is in memory. Resolves with the version to watch from. */
  async list(
    path: string,
    selectors: Selectors,
    onPage: (items: readonly KubernetesObject[]) => void,
    options: SendOptions & { readonly limit?: number } = {},
  ): Promise<string> {
    const { limit = pageSize, ...sending } = options;
    let next = '';
    for (;;) {
      const query = queryOf(selectors, { limit: String(limit), continue: next });
      const answer = (await this.send('GET', `${path}?${query}`, undefined, sending)) as ListAnswer;
      onPage(answer.items ?? []);
      next = answer.metadata?.continue ?? '';
      if (next === '') return answer.metadata?.resourceVersion ?? '';
    }
  }

  /** The newest version of a collection, at the price of one small page. */
  async versionOf(path: string, selectors: Selectors, options: SendOptions): Promise<string> {
    const query = queryOf(selectors, { limit: '1' });
    const answer = (await this.send('GET', `${path}?${query}`, undefined, options)) as ListAnswer;
    return answer.metadata?.resourceVersion ?? '';
  }

  /** Opens a watch; the answer is a stream of lines. Rejects with AMB1622 when it is refused, or when no
   * answer begins in time; afterwards silence is the caller's to judge. */
  async watch(
    path: string,
    selectors: Selectors,
    parameters: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const query = queryOf(selectors, { ...parameters, watch: 'true' });
    const what = `WATCH ${path}`;
    const url = new URL(`${this.#server}${path}?${query}`);
    const options = await this.#optionsOf('GET', undefined, { signal });
    const response = await open(url, { ...options, agent: this.#watching }, undefined).catch(
      (error: unknown) => {
        throw new AmbitError('AMB1622', `${what} failed`, { cause: error });
      },
    );
    response.socket.setTimeout(0);
    const { statusCode = 0 } = response;
    if (statusCode === 200) return response;
    throw refusal(what, statusCode, await readText(response));
  }

  /** Creates an object. */
  async create(path: string, object: unknown, options?: SendOptions): Promise<KubernetesObject> {
    return (await this.send('POST', path, object, options)) as KubernetesObject;
  }

  /** Replaces an object, of the version that it names if it names one. */
  async replace(path: string, object: unknown, options?: SendOptions): Promise<KubernetesObject> {
    return (await this.send('PUT', path, object, options)) as KubernetesObject;
  }

  /** Patches an object. @throws ApiError with `conflicts` when `apply` meets fields of other managers */
  async patch(
    path: string,
    type: PatchType,
    body: unknown,
    options: SendOptions = {},
  ): Promise<KubernetesObject> {
    const force = type === 'take' ? '&force=true' : '';
    const contentType = contentTypes[type];
    return (await this.send('PATCH', `${path}?fieldManager=${this.#manager}${force}`, body, {
      ...options,
      contentType,
    })) as KubernetesObject;
  }

  /** Deletes an object; one that is gone already is fine. */
  async delete(path: string, options?: SendOptions): Promise<void> {
    try {
      await this.send('DELETE', path, undefined, options);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
  }

  /** Sends a request and reads the JSON answer; rejects with AMB1622 for anything else. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    options: SendOptions = {},
  ): Promise<unknown> {
    const what = `${method} ${path.split('?')[0]}`;
    const url = new URL(this.#server + path);
    const sending = await this.#optionsOf(method, body, options);
    const { status, text } = await exchange(url, sending, body).catch((error: unknown) => {
      throw new AmbitError('AMB1622', `${what} failed`, { cause: error });
    });
    if (status >= 200 && status < 300) return parse(text);
    throw refusal(what, status, text);
  }

  async #optionsOf(method: string, body: unknown, options: SendOptions): Promise<RequestOptions> {
    const { contentType = 'application/json', signal, timeoutMs = requestTimeoutMs } = options;
    const sending: RequestOptions = {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': contentType }),
      },
      timeout: timeoutMs,
      ...(signal && { signal }),
    };
    await this.config.applyToHTTPSOptions(sending);
    // The library puts an agent of its own there, made anew for each call.
    sending.agent = this.#agent;
    return sending;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
    this.#watching.destroy();
  }
}

function queryOf(selectors: Selectors, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...selectors, ...parameters })) {
    if (value !== undefined && value !== '') query.set(name, value);
  }
  return query.toString();
}

function refusal(what: string, status: number, text: string): ApiError {
  const answer = (parse(text) ?? {}) as StatusAnswer;
  return new ApiError(what, status, { message: text.slice(0, 200), ...answer });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller shows the text.
    return undefined;
  }
}
