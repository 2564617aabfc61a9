// The objects that a run makes, all in namespaces of its own: for each path a namespace with a client on
// one node and a server on another, and where cold peers are measured several clients and servers of
// different identities. Pure.

import path from 'node:path';
import type { KubernetesObject } from '@kubernetes/client-node';
import type { TrafficPath } from '../names.ts';

/** Ports of the server pod. */
export const ports = { http: 9090, echo: 9092, iperf: 5201 } as const;

/** Clients times servers is the number of cold pairs of one burst. */
export const coldClients = 4;
export const coldServers = 8;

/** No image is looked up where a container has a command. */
const image = 'ambit/bench';

const benchFolder = path.resolve(import.meta.dirname, '..');

export interface PathPlan {
  readonly path: TrafficPath;
  readonly namespace: string;
  readonly clientNode: string;
  readonly serverNode: string;
  readonly withIperf: boolean;
  readonly withColdPeers: boolean;
}

/** Namespace, accounts, service and pods of a path. */
export function objectsOf(plan: PathPlan): readonly KubernetesObject[] {
  const { namespace } = plan;
  const labels = plan.path === 'direct' ? {} : { 'istio.io/dataplane-mode': 'ambient' };
  const objects: KubernetesObject[] = [
    object('v1', 'Namespace', undefined, namespace, { labels }),
    ...pod(plan, 'client', plan.clientNode, [sleeper()]),
    ...pod(plan, 'server', plan.serverNode, serverContainers(plan.withIperf)),
    service(plan),
  ];
  if (plan.path === 'waypoint') objects.push(gateway(namespace));
  if (plan.withColdPeers) {
    for (let index = 0; index < coldClients; index++) {
      objects.push(...pod(plan, `cold-client-${index}`, plan.clientNode, [sleeper()]));
    }
    for (let index = 0; index < coldServers; index++) {
      objects.push(...pod(plan, `cold-server-${index}`, plan.serverNode, [sleeper()]));
    }
  }
  return objects;
}

/** A pod that only waits, for measurements that start pods. */
export function idlePod(
  plan: Pick<PathPlan, 'namespace'>,
  name: string,
  node: string,
): KubernetesObject {
  return onlyPod(plan.namespace, name, node, [sleeper()], 'default');
}

function object(
  apiVersion: string,
  kind: string,
  namespace: string | undefined,
  name: string,
  rest: { readonly labels?: Readonly<Record<string, string>>; readonly spec?: object } = {},
): KubernetesObject {
  const { labels, spec } = rest;
  const metadata = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(labels !== undefined && { labels: { ...labels } }),
  };
  return { apiVersion, kind, metadata, ...(spec !== undefined && { spec }) };
}

/** Every pod has an identity of its own. */
function pod(
  { namespace }: PathPlan,
  name: string,
  node: string,
  containers: readonly object[],
): readonly KubernetesObject[] {
  return [
    object('v1', 'ServiceAccount', namespace, name),
    onlyPod(namespace, name, node, containers, name),
  ];
}

function onlyPod(
  namespace: string,
  name: string,
  node: string,
  containers: readonly object[],
  serviceAccountName: string,
): KubernetesObject {
  const spec = {
    nodeSelector: { 'kubernetes.io/hostname': node },
    serviceAccountName,
    terminationGracePeriodSeconds: 1,
    containers,
  };
  return object('v1', 'Pod', namespace, name, { labels: { app: name }, spec });
}

function sleeper(): object {
  return { name: 'sleep', image, command: ['sleep', 'infinity'] };
}

function serverContainers(withIperf: boolean): readonly object[] {
  const http = {
    name: 'http',
    image,
    command: ['node', path.join(benchFolder, 'load/server.ts')],
    readinessProbe: { tcpSocket: { port: ports.http }, periodSeconds: 1 },
  };
  const iperf = { name: 'iperf', image, command: ['iperf3', '-s', '-p', `${ports.iperf}`] };
  return withIperf ? [http, iperf] : [http];
}

function service({ namespace, path: trafficPath }: PathPlan): KubernetesObject {
  const labels = trafficPath === 'waypoint' ? { 'istio.io/use-waypoint': 'waypoint' } : {};
  const spec = {
    selector: { app: 'server' },
    ports: [
      { name: 'http', port: ports.http },
      { name: 'tcp-echo', port: ports.echo },
      { name: 'tcp-iperf', port: ports.iperf },
    ],
  };
  return object('v1', 'Service', namespace, 'server', { labels, spec });
}

function gateway(namespace: string): KubernetesObject {
  const spec = {
    gatewayClassName: 'istio-waypoint',
    listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
  };
  const labels = { 'istio.io/waypoint-for': 'service' };
  return object('gateway.networking.k8s.io/v1', 'Gateway', namespace, 'waypoint', { labels, spec });
}
