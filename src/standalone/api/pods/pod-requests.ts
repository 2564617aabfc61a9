// Pod subresources that lead into the pod: its log, the proxy to its ports and their forwarding.

import { noSuchPath, notFound, StatusError } from '../api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { ResourcePath } from '../http/resource-path.ts';
import { listAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';
import type { LogOptions, PodAccess } from './pod-access.ts';
import { proxyToPod } from './pod-proxy.ts';
import type { PortForwards } from './port-forward.ts';
import { unreachable } from './unreachable.ts';

const notOffered: ReadonlySet<string> = new Set(['exec', 'attach']);

/** What leads into pods. */
export interface PodSite {
  readonly core: Core;
  readonly pods: PodAccess;
  readonly forwards: PortForwards;
}

/** Answers a request on a pod's subresource, or says that it is not one of these. */
export async function answerPodSubresource(
  { core, pods, forwards }: PodSite,
  exchange: Exchange,
  path: ResourcePath,
): Promise<boolean> {
  const { namespace = '', name, subresource } = path;
  if (path.group !== '' || path.resource !== 'pods' || name === undefined) return false;
  if (subresource === 'proxy') {
    const parts = name.split(':');
    const pod = requirePod(core, namespace, parts[parts.length > 2 ? 1 : 0] ?? '');
    await proxyToPod(pods, exchange, pod, name, path.rest);
    return true;
  }
  if (subresource === 'log') {
    if (exchange.method !== 'GET') throw noSuchPath();
    await sendLogs(pods, exchange, requirePod(core, namespace, name));
    return true;
  }
  if (subresource === 'portforward') {
    await forwards.serve(exchange, requirePod(core, namespace, name));
    return true;
  }
  if (subresource !== undefined && notOffered.has(subresource)) {
    throw new StatusError('AMB1207', {
      http: 501,
      reason: 'NotImplemented',
      message: `${subresource} into pod ${namespace}/${name} is not offered in laptop mode; use kubectl logs, or the pod's own port through its proxy or portforward subresource`,
    });
  }
  return false;
}

function requirePod(core: Core, namespace: string, name: string): ApiObject {
  const pod = core.table.get({ kind: 'pods', namespace, name });
  if (pod === undefined) throw notFound({ resource: 'pods', group: '', name });
  return pod;
}

async function sendLogs(pods: PodAccess, exchange: Exchange, pod: ApiObject): Promise<void> {
  const { namespace = '', name } = pod.metadata;
  const { response } = exchange;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const options = { ...logOptions(exchange.query, pod), signal: gone.signal };
  const iterator = pods.logs(namespace, name, options)[Symbol.asyncIterator]();
  try {
    // A follower wants the head of the answer before the first line is written.
    if (options.follow) startLog(exchange);
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
      startLog(exchange);
      if (response.destroyed) return;
      if (!response.write(next.value)) await drained(exchange);
    }
    startLog(exchange);
    response.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    throw unreachable(error, `the log of pod ${namespace}/${name} cannot be read`);
  } finally {
    await iterator.return?.();
  }
}

function startLog({ response }: Exchange): void {
  if (response.headersSent) return;
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.flushHeaders();
}

async function drained({ response }: Exchange): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

function logOptions(query: URLSearchParams, pod: ApiObject): Omit<LogOptions, 'signal'> {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    return text === null || text === '' ? undefined : Number(text);
  };
  return {
    container: containerOf(query, pod),
    follow: query.get('follow') === 'true',
    previous: query.get('previous') === 'true',
    tailLines: number('tailLines'),
    sinceSeconds: number('sinceSeconds'),
    sinceTime: query.get('sinceTime') ?? undefined,
    timestamps: query.get('timestamps') === 'true',
    limitBytes: number('limitBytes'),
  };
}

/** The named container, which must exist; without a name the pod must have just one. */
function containerOf(query: URLSearchParams, pod: ApiObject): string {
  const names = ['initContainers', 'containers', 'ephemeralContainers']
    .flatMap((list) => listAt(pod.spec, list))
    .map((container) => textAt(container, 'name') ?? '');
  const regular = listAt(pod.spec, 'containers').map((one) => textAt(one, 'name') ?? '');
  const asked = query.get('container') ?? '';
  if (asked === '' && regular.length === 1) return regular[0] ?? '';
  if (names.includes(asked)) return asked;
  const { name } = pod.metadata;
  throw new StatusError('AMB1203', {
    http: 400,
    reason: 'BadRequest',
    message:
      asked === ''
        ? `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`
        : `container ${asked} is not valid for pod ${name}`,
  });
}
