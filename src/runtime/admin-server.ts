// A small HTTP server for what operators and probes ask of a process: metrics, readiness, dumps.

import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { MetricsRegistry } from './metrics.ts';
import type { Readiness } from './readiness.ts';

/** What a route is told. */
export interface AdminRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly accept: string;
}

/** What a route answers. */
export interface AdminAnswer {
  readonly status: number;
  readonly body: string;
  /** Plain text when absent. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bodies from here on are compressed for those who can read it, in bytes. */
const compressFrom = 1_024;
const compress = promisify(gzip);

export type AdminRoute = (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>;

/** A running server; its owner disposes it. */
export interface AdminServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves routes by exact path. `host` undefined is the wildcard. Rejects when the port is in use. */
export async function startAdminServer(
  where: { readonly host?: string; readonly port: number },
  routes: Readonly<Record<string, AdminRoute>>,
): Promise<AdminServer> {
  const server = createServer((request, response) => {
    void answer(routes, request).then((answered) => send(request, response, answered));
  });
  server.listen(where);
  await once(server, 'listening');
  return {
    port: portOf(server),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  routes: Readonly<Record<string, AdminRoute>>,
  request: IncomingMessage,
): Promise<AdminAnswer> {
  const url = URL.parse(request.url ?? '/', 'http://admin');
  const path = url?.pathname ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (path === '/' && route === undefined) return index(Object.keys(routes));
  if (route === undefined || url === null) {
    return { status: 404, body: `${Object.keys(routes).join('\n')}\n` };
  }
  try {
    return await route({
      method: request.method ?? 'GET',
      query: url.searchParams,
      accept: request.headers.accept ?? '',
    });
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body, contentType, headers }: AdminAnswer,
): Promise<void> {
  const head: OutgoingHttpHeaders = {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    vary: 'accept, accept-encoding',
    ...headers,
  };
  const accepts = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const packed = accepts && body.length >= compressFrom ? await compress(body) : undefined;
  response.writeHead(status, { ...head, ...(packed && { 'content-encoding': 'gzip' }) });
  response.end(packed ?? body);
}

/** The routes as a page of links. */
function index(paths: readonly string[]): AdminAnswer {
  const links = paths.map((path) => `<li><a href="${path}">${path}</a></li>`).join('\n');
  const body = `<!doctype html>\n<title>admin</title>\n<ul>\n${links}\n</ul>\n`;
  return { status: 200, body, contentType: 'text/html; charset=utf-8' };
}

/** The same route for some methods; others are answered 405. */
export function only(methods: readonly string[], route: AdminRoute): AdminRoute {
  return (request) =>
    methods.includes(request.method)
      ? route(request)
      : {
          status: 405,
          body: `use ${methods.join(' or ')}\n`,
          headers: { allow: methods.join(', ') },
        };
}

/** Metrics for scrapers, in the form that they ask for. */
export function metricsRoute(registry: MetricsRegistry): AdminRoute {
  return only(['GET', 'HEAD'], async ({ accept }) => ({
    status: 200,
    ...(await registry.expose(accept)),
  }));
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A route that answers JSON. */
export function jsonRoute(value: (request: AdminRequest) => unknown): AdminRoute {
  return (request) => ({
    status: 200,
    body: `${JSON.stringify(value(request), null, 2)}\n`,
    contentType: 'application/json',
  });
}

/** `GET /healthz/ready` as probes expect it (protocol section 10.1). */
export function readinessRoute(readiness: Readiness): AdminRoute {
  return only(['GET', 'HEAD'], () => {
    const { pending } = readiness;
    return pending.length === 0
      ? { status: 200, body: 'ready\n' }
      : { status: 500, body: `not ready, pending: ${pending.join(', ')}\n` };
  });
}
