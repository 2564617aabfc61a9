// A small HTTP server for what operators and probes ask of a process: metrics, readiness, dumps.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
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
}

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
    void answer(routes, request).then(({ status, body, contentType }) => {
      response.writeHead(status, { 'content-type': contentType ?? 'text/plain; charset=utf-8' });
      response.end(body);
    });
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
  return ({ method }) => {
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'use GET\n' };
    const { pending } = readiness;
    return pending.length === 0
      ? { status: 200, body: 'ready\n' }
      : { status: 500, body: `not ready, pending: ${pending.join(', ')}\n` };
  };
}
