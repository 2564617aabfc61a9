// The replicas of the controller, and what each tells of itself and of its proxies.

import { AmbitError } from '../runtime/errors.ts';
import { askAll, type PodReply } from './ask-all.ts';
import type { Cluster, ClusterObject } from './cluster.ts';

/** Where a controller tells of itself (its MONITORING_PORT). */
const monitoringPort = 15_014;

/** One type that a proxy has subscribed to. */
export interface ProxyType {
  readonly type: string;
  readonly state: string;
  readonly acknowledged: string;
  readonly reason?: string;
}

/** A proxy as the controller that it is connected to knows it. */
export interface ConnectedProxy {
  readonly proxy: {
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly node?: string;
  };
  readonly build: { readonly cluster: string; readonly version: string };
  readonly types: readonly ProxyType[];
  readonly peer: string;
}

/** The pods of the controller. AMB1836 when there are none. */
export async function controllers(
  cluster: Cluster,
  namespace: string,
): Promise<readonly ClusterObject[]> {
  const where = `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3Distiod`;
  const pods = await cluster.list(where);
  if (pods.length > 0) return pods;
  throw new AmbitError('AMB1836', `no pod of namespace ${namespace} has the label app=istiod`);
}

/** The proxies of each replica. */
export async function connectedProxies(
  cluster: Cluster,
  pods: readonly ClusterObject[],
): Promise<readonly PodReply<readonly ConnectedProxy[]>[]> {
  return await askAll(pods, async (pod) => {
    const text = await askController(cluster, pod, '/debug/proxies');
    const { connected } = JSON.parse(text) as { readonly connected?: readonly ConnectedProxy[] };
    const isOurs = connected?.every(({ types, build }) => Array.isArray(types) && build);
    if (connected !== undefined && isOurs === true) return connected;
    throw new AmbitError('AMB1837', 'it does not tell how far its proxies are', {
      object: objectOf(pod),
    });
  });
}

/** What a replica answers on its monitoring port. @throws AmbitError AMB1837 when it has no such page */
export async function askController(
  cluster: Cluster,
  pod: ClusterObject,
  path: string,
): Promise<string> {
  const { status, text } = await cluster.askPod(pod, monitoringPort, { path });
  if (status === 200) return text;
  throw new AmbitError('AMB1837', `${path} answered ${status}`, { object: objectOf(pod) });
}

function objectOf({ metadata }: ClusterObject): string {
  return `Pod ${metadata.namespace}/${metadata.name}`;
}
