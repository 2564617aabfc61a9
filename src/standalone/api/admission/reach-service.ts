// Connects to what stands behind a service of the cluster. The API server is in no pod's network, so it
// goes through the node that runs the pod, as it does for the proxy and log requests.

import net from 'node:net';

import { causeChain } from '../../../runtime/errors.ts';
import { listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { PodAccess } from '../pods/pod-access.ts';
import type { ObjectTable } from '../storage/object-table.ts';
import type { ApiObject } from '../store.ts';

/** Where a connection to a service may go. */
export interface ServiceEndpoint {
  /** The pod behind it, when it is one. */
  readonly pod: string | undefined;
  readonly address: string;
  readonly port: number;
}

/** The ready endpoints of a port of a service; a text says why there are none. Pure. */
export function endpointsOf(
  service: ApiObject | undefined,
  slices: readonly ApiObject[],
  port: number,
): readonly ServiceEndpoint[] | string {
  if (service === undefined) return 'the service does not exist';
  const wanted = listAt(service.spec, 'ports').find((one) => numberAt(one, 'port') === port);
  if (wanted === undefined) return `the service has no port ${port}`;
  const name = textAt(wanted, 'name') ?? '';
  const endpoints = slices.flatMap((slice) => {
    const number = listAt(slice, 'ports')
      .filter((one) => (textAt(one, 'name') ?? '') === name)
      .map((one) => numberAt(one, 'port'))[0];
    if (number === undefined) return [];
    return listAt(slice, 'endpoints')
      .filter((one) => recordAt(one, 'conditions')?.['ready'] !== false)
      .map((one) => ({
        pod:
          textAt(one, 'targetRef', 'kind') === 'Pod' ? textAt(one, 'targetRef', 'name') : undefined,
        address: listAt(one, 'addresses').find((text) => typeof text === 'string') ?? '',
        port: number,
      }));
  });
  return endpoints.length === 0 ? 'no endpoints available for the service' : endpoints;
}

/** Connects to one of the endpoints of a service. Rejects with a plain error. */
export async function connectToService(
  table: ObjectTable,
  pods: PodAccess,
  service: { readonly namespace: string; readonly name: string; readonly port: number },
  signal: AbortSignal,
): Promise<net.Socket> {
  const { namespace, name, port } = service;
  const slices = table
    .list('discovery.k8s.io/endpointslices', namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  const found = table.get({ kind: 'services', namespace, name });
  const endpoints = endpointsOf(found, slices, port);
  if (typeof endpoints === 'string') throw new Error(`service ${namespace}/${name}: ${endpoints}`);
  const failures: string[] = [];
  for (const endpoint of endpoints) {
    try {
      return endpoint.pod === undefined
        ? await connectTo(endpoint, signal)
        : await pods.connect(namespace, endpoint.pod, endpoint.port, signal);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(causeChain(error));
    }
  }
  throw new Error(failures.join('; '));
}

function connectTo({ address, port }: ServiceEndpoint, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, signal });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
