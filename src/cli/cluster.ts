// Reaches the API server, and through it the admin endpoints of mesh pods. The command line's only
// use of the Kubernetes client.

import { existsSync } from 'node:fs';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { AmbitError } from '../runtime/errors.ts';
import { askOn, type PodAnswer, type PodRequest } from './ask-pod.ts';
import { openPodPort, urlBelow } from './port-forward.ts';

const answerMax = 64 * 1024 * 1024;
const deadlineMs = 10_000;
/** Objects listed at a time: a page of the largest pods is far below what an answer may have. */
const pageSize = 500;
/** Of a proxy, on its loopback (protocol section 7.5). */
const adminPort = 15_000;

/** The parts of a Kubernetes object that commands look at. */
export interface ClusterObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: {
    readonly clusterIPs?: readonly string[];
    readonly nodeName?: string;
    /** Of a ServiceEntry. */
    readonly hosts?: readonly string[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
  };
}

/** A connection to one cluster. */
export class Cluster {
  readonly #config: KubeConfig;

  /** Loads the first kubeconfig that exists, and takes its current context or the one named; AMB1803 when
   * there is none or it is not readable. */
  constructor(
    candidates: readonly (string | undefined)[],
    options: { readonly context?: string } = {},
  ) {
    const path = candidates.find((candidate) => candidate !== undefined && existsSync(candidate));
    if (path === undefined) {
      throw new AmbitError('AMB1803', 'no kubeconfig found: is a mesh up? KUBECONFIG names none');
    }
    this.#config = new KubeConfig();
    try {
      this.#config.loadFromFile(path);
    } catch (error) {
      throw new AmbitError('AMB1803', 'the kubeconfig is not readable', {
        object: path,
        cause: error,
      });
    }
    if (options.context !== undefined) this.#useContext(options.context, path);
    const server = this.#config.getCurrentCluster()?.server;
    if (server === undefined || !URL.canParse(server)) {
      const problem = 'the current context leads to no cluster with a server address';
      throw new AmbitError('AMB1803', problem, { object: path, field: 'current-context' });
    }
  }

  #useContext(name: string, path: string): void {
    const known = this.#config.contexts.map((one) => one.name);
    if (!known.includes(name)) {
      const problem = `--context ${name} is not one of ${known.join(', ') || 'none'}`;
      throw new AmbitError('AMB1803', problem, { object: path, field: 'contexts' });
    }
    this.#config.setCurrentContext(name);
  }

  /** The namespace of the context, which commands mean unless told another. */
  get namespace(): string {
    return this.#config.getContextObject(this.#config.currentContext)?.namespace ?? 'default';
  }

  /** All objects of a collection, such as `/api/v1/pods`, a page at a time. */
  async list(path: string): Promise<readonly ClusterObject[]> {
    const all: ClusterObject[] = [];
    const url = new URL(path, this.#server);
    url.searchParams.set('limit', String(pageSize));
    for (;;) {
      const page = (await this.get(`${url.pathname}${url.search}`)) as {
        readonly items?: readonly ClusterObject[];
        readonly metadata?: { readonly continue?: string };
      };
      for (const item of page.items ?? []) all.push(item);
      const { continue: next = '' } = page.metadata ?? {};
      if (next === '') return all;
      url.searchParams.set('continue', next);
    }
  }

  /** The same, but undefined where the cluster knows no such kind. */
  async listIfServed(path: string): Promise<readonly ClusterObject[] | undefined> {
    const isServed = (await this.find(`${path}?limit=1`)) !== undefined;
    return isServed ? await this.list(path) : undefined;
  }

  /** The address of its API server. */
  get address(): string {
    return this.#server.href.replace(/\/$/, '');
  }

  /** JSON from an admin endpoint of a proxy; AMB1807 when what runs there is another program that has
   * no such endpoint, AMB1833 when it cannot be reached. */
  async podAdmin(pod: ClusterObject, path: string): Promise<unknown> {
    const { namespace = 'default', name } = pod.metadata;
    const { status, text } = await this.askPod(pod, adminPort, { path });
    if (status === 404) {
      throw new AmbitError('AMB1807', `pod ${namespace}/${name} is not a proxy of Ambit`);
    }
    if (status === 200) return JSON.parse(text);
    const problem = `${path} answered ${status}: ${text.slice(0, 300)}`;
    throw new AmbitError('AMB1833', problem, { object: `Pod ${namespace}/${name}` });
  }

  /** What a pod answers on a port of its loopback, whatever its status. AMB1833 when it cannot be reached. */
  async askPod(pod: ClusterObject, port: number, request: PodRequest): Promise<PodAnswer> {
    const { namespace = 'default', name } = pod.metadata;
    const options: https.RequestOptions = { timeout: deadlineMs };
    await this.#config.applyToHTTPSOptions(options);
    const connection = await openPodPort(this.#server, options, { namespace, pod: name, port });
    return await askOn(connection, request, `Pod ${namespace}/${name}`);
  }

  /** JSON from any path of the API server; AMB1804 when it does not answer 200. */
  async get(path: string): Promise<unknown> {
    return await this.send('GET', path);
  }

  /** The same, but undefined where there is no such object. */
  async find(path: string): Promise<unknown> {
    const { status, text, url } = await this.#ask('GET', path);
    return status === 404 ? undefined : answered(url, status, text);
  }

  /** Sends an object, if one is given, and answers JSON; AMB1804 when it is not accepted. */
  async send(method: 'GET' | 'POST' | 'PUT', path: string, body?: object): Promise<unknown> {
    const { status, text, url } = await this.#ask(method, path, body);
    return answered(url, status, text);
  }

  /** Server-side apply (Kubernetes, "Server-Side Apply"): makes the fields of `object` what they say, as
   * `fieldManager`. With `force`, also those that others own. AMB1832 when it is not taken. */
  async apply(
    path: string,
    object: object,
    how: { readonly fieldManager: string; readonly force?: boolean; readonly dryRun?: boolean },
  ): Promise<unknown> {
    const query = new URLSearchParams({ fieldManager: how.fieldManager });
    if (how.force === true) query.set('force', 'true');
    if (how.dryRun === true) query.set('dryRun', 'All');
    return await this.#write(
      'PATCH',
      `${path}?${query.toString()}`,
      object,
      'application/apply-patch+yaml',
    );
  }

  /** A merge patch (RFC 7396). AMB1832 when it is not taken. */
  async patch(path: string, change: object): Promise<unknown> {
    return await this.#write('PATCH', path, change, 'application/merge-patch+json');
  }

  /** Deletes an object, and in the background what it owns; false where there was none. */
  async remove(path: string): Promise<boolean> {
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' };
    const { status, text, url } = await this.#ask('DELETE', path, options);
    if (status === 404) return false;
    if (status === 202) return true;
    answered(url, status, text);
    return true;
  }

  async #write(method: string, path: string, body: object, type: string): Promise<unknown> {
    const { status, text } = await this.#ask(method, path, body, type);
    if (status === 200 || status === 201) return JSON.parse(text);
    throw new AmbitError('AMB1832', messageOf(text), { object: path.split('?')[0] ?? path });
  }

  get #server(): URL {
    return new URL(this.#config.getCurrentCluster()?.server ?? '');
  }

  async #ask(method: string, path: string, body?: object, type = 'application/json') {
    const url = urlBelow(this.#server, path);
    const sent = body === undefined ? undefined : JSON.stringify(body);
    // With a length, since Node frames no body of a DELETE by itself.
    const headers =
      sent === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(sent) };
    const options: https.RequestOptions = { method, headers, timeout: deadlineMs };
    await this.#config.applyToHTTPSOptions(options);
    return { url, ...(await request(url, options, sent)) };
  }
}

/** What an API server says went wrong: the message of its Status object. */
function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text.slice(0, 300);
  } catch {
    return text.slice(0, 300);
  }
}

function answered(url: URL, status: number, text: string): unknown {
  if (status === 200 || status === 201) return JSON.parse(text);
  throw new AmbitError('AMB1804', `${url.href} answered ${status}: ${text.slice(0, 300)}`);
}

function request(
  url: URL,
  options: https.RequestOptions,
  body?: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(new AmbitError('AMB1804', `${url.origin} cannot be reached`, { cause: error }));
    const sent = https.request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > answerMax) sent.destroy(new Error('the answer is too large'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', fail);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer in ${deadlineMs} ms`)));
    sent.on('error', fail);
    sent.end(body);
  });
}
