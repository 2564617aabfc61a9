// Relays an HTTP request to a port of a pod: /api/v1/namespaces/NS/pods/[SCHEME:]NAME[:PORT]/proxy/PATH.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { connect as tlsConnect } from 'node:tls';

import { badRequest } from '../api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import { listAt, numberAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import type { PodAccess } from './pod-access.ts';
import { unreachable } from './unreachable.ts';

/** Headers that belong to one connection, or that are the API server's business. */
const notRelayed: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
]);

interface Target {
  readonly scheme: 'http' | 'https';
  readonly port: number;
}

/** Relays the request and its answer. Throws StatusError when the pod cannot be reached. */
export async function proxyToPod(
  pods: PodAccess,
  exchange: Exchange,
  pod: ApiObject,
  address: string,
  rest: string,
): Promise<void> {
  const { namespace = '', name } = pod.metadata;
  const target = targetOf(pod, address);
  const ending = new AbortController();
  exchange.response.on('close', () => ending.abort());
  const what = `port ${target.port} of pod ${namespace}/${name}`;
  try {
    const socket = await pods.connect(namespace, name, target.port, ending.signal);
    await relay(exchange, socket, target, `/${rest}`);
  } catch (error) {
    if (ending.signal.aborted) return;
    throw unreachable(error, `${what} cannot be reached`);
  }
}

function targetOf(pod: ApiObject, address: string): Target {
  const parts = address.split(':');
  const scheme = parts.length > 2 ? parts[0] : 'http';
  const asked = parts.length > 1 ? (parts.at(-1) ?? '') : '';
  const ports = listAt(pod.spec, 'containers').flatMap((one) => listAt(one, 'ports'));
  const named = ports.find((port) => textAt(port, 'name') === asked);
  const first = asked === '' ? ports[0] : named;
  const port = /^\d+$/.test(asked) ? Number(asked) : numberAt(first, 'containerPort');
  if ((scheme !== 'http' && scheme !== 'https') || port === undefined || port > 65_535) {
    throw badRequest('AMB1203', `${address} names no scheme and port of a pod`);
  }
  return { scheme, port };
}

async function relay(
  exchange: Exchange,
  socket: Socket,
  target: Target,
  path: string,
): Promise<void> {
  const { request, response } = exchange;
  const search = (request.url ?? '').slice(exchange.path.length);
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(([name]) => !notRelayed.has(name)),
  );
  const options = {
    method: exchange.method,
    path: `${path}${search}`,
    headers: { ...headers, host: `127.0.0.1:${target.port}`, connection: 'close' },
  };
  // The pod's certificate is its own affair: this is the operator looking at a local process.
  const upstream =
    target.scheme === 'http'
      ? httpRequest({ ...options, createConnection: () => socket })
      : httpsRequest({
          ...options,
          createConnection: () => tlsConnect({ socket, rejectUnauthorized: false }),
        });
  response.on('close', () => socket.destroy());
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    upstream.on('response', resolve);
    upstream.on('error', reject);
  });
  request.pipe(upstream);
  const answer = await answered;
  const kept = Object.entries(answer.headers).filter(([name]) => !notRelayed.has(name));
  response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept) as Record<string, string>);
  response.flushHeaders();
  await pipeline(answer, response);
}
