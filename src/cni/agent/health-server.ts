// What the kubelet and a scraper ask the agent over HTTP: readiness, liveness and metrics.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { MetricsRegistry } from '../../runtime/metrics.ts';

/** Serves `/healthz` and `/readyz`, which is 200 once `notReady` names nothing more. */
export async function serveHealth(
  port: number,
  notReady: () => readonly string[],
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/healthz') {
      response.writeHead(200).end('ok\n');
    } else if (request.url === '/readyz') {
      const waiting = notReady();
      const ready = waiting.length === 0;
      response
        .writeHead(ready ? 200 : 503)
        .end(ready ? 'ok\n' : `waiting for ${waiting.join(', ')}\n`);
    } else {
      response.writeHead(404).end();
    }
  });
  return await listening(server, port);
}

/** Serves `/metrics`, as OpenMetrics to those who ask for it. */
export async function serveMetrics(port: number, registry: MetricsRegistry): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' && request.url !== '/stats/prometheus') {
      response.writeHead(404).end();
      return;
    }
    void registry.expose(request.headers.accept ?? '').then(({ body, contentType }) => {
      response.writeHead(200, { 'content-type': contentType }).end(body);
    });
  });
  return await listening(server, port);
}

/** Ends a server and its connections. */
export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}

async function listening(server: Server, port: number): Promise<Server> {
  server.listen(port);
  await once(server, 'listening');
  return server;
}
