// The scene of the acceptance rows of traffic management: Bookinfo, a client and two versions of an
// echoing application in one mesh, with a waypoint for all services.

import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { until } from '../../demo/mesh.ts';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { listenTcp } from '../../src/linux/tcp.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';
import { PodAgent } from './request-load.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');
const clientConnections = 8;
const pods = ['client', 'echo-v1', 'echo-v2'] as const;

/** A request as a version of the application saw it; this is also what it answers. */
export interface Seen {
  readonly pod: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the client got. */
export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly ms: number;
}

/** A version of the application: `/status/N` answers N, `/delay/N` after N milliseconds, all else 200. */
export class EchoServer {
  readonly seen: Seen[] = [];
  /** What it answers whatever is asked. */
  status: number | undefined;
  readonly #pod: string;
  readonly #namespace: NetworkNamespace;
  #server: http.Server | undefined;

  constructor(pod: string, namespace: NetworkNamespace) {
    this.#pod = pod;
    this.#namespace = namespace;
  }

  async start(): Promise<void> {
    const { fd } = listenTcp({ host: '::', port: 8080, namespace: this.#namespace });
    this.#server = http.createServer((request, response) => this.#answer(request, response));
    this.#server.listen({ fd });
    await once(this.#server, 'listening');
  }

  /** From then on connections are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  #answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { url = '/' } = request;
    const seen: Seen = {
      pod: this.#pod,
      path: url,
      headers: request.headers as Record<string, string>,
    };
    this.seen.push(seen);
    const status = this.status ?? Number(/^\/status\/(\d+)/.exec(url)?.[1] ?? 200);
    const delayMs = Number(/^\/delay\/(\d+)/.exec(url)?.[1] ?? 0);
    const answer = (): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-pod': this.#pod });
      response.end(JSON.stringify(seen));
    };
    if (delayMs === 0) answer();
    else setTimeout(answer, delayMs);
  }
}

export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The running scene. */
export class EchoScene {
  readonly mesh: LaptopMesh;
  readonly v1: EchoServer;
  readonly v2: EchoServer;
  readonly #agent: http.Agent;
  readonly #addresses: ReadonlyMap<string, string>;
  #revision = 0;

  constructor(
    mesh: LaptopMesh,
    servers: readonly [EchoServer, EchoServer],
    client: NetworkNamespace,
    addresses: ReadonlyMap<string, string>,
  ) {
    this.mesh = mesh;
    [this.v1, this.v2] = servers;
    this.#agent = new PodAgent(client, { keepAlive: true, maxSockets: clientConnections });
    this.#addresses = addresses;
  }

  /** Asks a service from the client's pod. */
  ask(where: string, { method = 'GET', headers = {} }: AskOptions = {}): Promise<Answer> {
    return this.askOf('echo', where, { method, headers });
  }

  async askOf(service: string, where: string, options: AskOptions): Promise<Answer> {
    const start = performance.now();
    const port = service === 'echo' ? 8080 : 9080;
    const request = http.request({
      agent: this.#agent,
      host: this.#addresses.get(service),
      port,
      path: where,
      method: options.method ?? 'GET',
      headers: { host: `${service}:${port}`, ...options.headers },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    const { statusCode: status = 0 } = response;
    return { status, headers: response.headers, body, ms: performance.now() - start };
  }

  /** Which version answered; undefined where none did. */
  async version(where = '/', options: AskOptions = {}): Promise<string | undefined> {
    const answer = await this.ask(where, options);
    return answer.headers['x-pod']?.toString().replace('echo-', '');
  }

  /** How many of `count` requests each version answered. */
  async count(count: number, where = '/', options: AskOptions = {}): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const work = async (): Promise<void> => {
      for (let index = 0; index < count / clientConnections; index++) {
        const version = (await this.version(where, options)) ?? 'none';
        counts.set(version, (counts.get(version) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: clientConnections }, work));
    return counts;
  }

  /** Puts the routes of a VirtualService in force, in the place of all others of the host. */
  async virtualService(http: readonly object[], host = 'echo'): Promise<void> {
    await this.mesh.kubectl('delete', 'httproute', host, '--ignore-not-found', '--wait=false');
    const revision = String(++this.#revision);
    const told = {
      match: [{ headers: { 'x-ask-revision': { exact: revision } } }],
      headers: { response: { set: { 'x-revision': revision } } },
      route: [{ destination: { host } }],
    };
    await apply(this.mesh, {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: host },
      spec: { hosts: [host], http: [told, ...http] },
    });
    await this.#inForce(host, revision);
  }

  /** The same by an HTTPRoute. */
  async httpRoute(rules: readonly object[], host = 'echo'): Promise<void> {
    await this.mesh.kubectl('delete', 'virtualservice', host, '--ignore-not-found', '--wait=false');
    const revision = String(++this.#revision);
    const port = host === 'echo' ? 8080 : 9080;
    const set = [{ name: 'x-revision', value: revision }];
    const told = {
      matches: [{ headers: [{ name: 'x-ask-revision', value: revision }] }],
      filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set } }],
      backendRefs: [{ name: host, port }],
    };
    await apply(this.mesh, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: host },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: host, port }],
        rules: [told, ...rules],
      },
    });
    await this.#inForce(host, revision);
  }

  async #inForce(host: string, revision: string): Promise<void> {
    const where = { reviews: '/reviews/0', ratings: '/ratings/0' }[host] ?? '/';
    await until(`revision ${revision} of ${host}`, async () => {
      const asking = { headers: { 'x-ask-revision': revision } };
      const answer = await this.askOf(host, where, asking);
      return answer.headers['x-revision'] === revision || undefined;
    });
    this.v1.seen.length = 0;
    this.v2.seen.length = 0;
  }

  /** The page of Bookinfo, as a user or as nobody. */
  async page(user?: string): Promise<{ stars: string; body: string; status: number; ms: number }> {
    const got = await this.mesh.get(
      '/productpage',
      user === undefined ? {} : { cookie: `user=${user}` },
    );
    const stars = /class="stars (\w+)"/.exec(got.body)?.[1] ?? 'none';
    return { ...got, stars };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Brings all of it up. The stack takes it down. */
export async function makeEchoScene(
  stack: AsyncDisposableStack,
  purpose: string,
): Promise<EchoScene> {
  const mesh = await upMesh(stack, purpose, { folder: bookinfo, publish: 'productpage:9080' });
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  await createPods(mesh, [
    { name: 'client', node: 'node1' },
    { name: 'echo-v1', node: 'node1', labels: { group: 'echo', version: 'v1' } },
    { name: 'echo-v2', node: 'node1', labels: { group: 'echo', version: 'v2' } },
  ]);
  await apply(mesh, { apiVersion: 'v1', kind: 'List', items: [...services(), destinations()] });
  await mesh.kubectl('apply', '-f', path.join(bookinfo, 'routing/waypoint.yaml'));
  await mesh.kubectl('apply', '-f', path.join(bookinfo, 'routing/destination-rules.yaml'));
  const deployments = ['deployment', '--all', '--timeout=60s'];
  await mesh.kubectl('wait', '--for=condition=Available', ...deployments);
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
  for (const pod of pods) await enrolled(mesh, pod);
  const behind = ['echo', 'reviews', 'ratings'];
  await mesh.kubectl('label', 'service', ...behind, 'istio.io/use-waypoint=waypoint');
  const addresses = new Map<string, string>();
  for (const name of behind) addresses.set(name, (await addressesOf(mesh, 'service', name))[0]);
  const servers = await Promise.all(
    (['echo-v1', 'echo-v2'] as const).map(async (pod) => {
      const server = new EchoServer(pod, await namespaceOf(mesh, stack, pod));
      await server.start();
      stack.defer(() => server.stop());
      return server;
    }),
  );
  const client = await namespaceOf(mesh, stack, 'client');
  const scene = new EchoScene(mesh, servers as [EchoServer, EchoServer], client, addresses);
  stack.defer(() => scene.close());
  return scene;
}

function services(): object[] {
  const selectors = {
    echo: { group: 'echo' },
    'echo-v1': { app: 'echo-v1' },
    'echo-v2': { app: 'echo-v2' },
  };
  return Object.entries(selectors).map(([name, selector]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector, ports: [{ name: 'http', port: 8080 }] },
  }));
}

function destinations(): object {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'echo' },
    spec: {
      host: 'echo',
      subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
    },
  };
}
