// Pods of a whole mesh that do nothing by themselves: tests open the sockets of clients and servers in
// their network namespaces.

import { until } from '../../demo/mesh.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import type { LaptopMesh } from '../support/laptop-mesh.ts';

/** A pod that sleeps, on a node. */
export interface IdlePod {
  readonly name: string;
  readonly node: `node${number}`;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Makes pods, each with a service of its name for ports 8080, and waits until they run. */
export async function createPods(mesh: LaptopMesh, pods: readonly IdlePod[]): Promise<void> {
  const items = pods.flatMap(({ name, node, labels = {}, annotations = {} }) => [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: { app: name, ...labels }, annotations },
      spec: {
        nodeName: node,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'sleep', image: 'none', command: ['sleep', 'infinity'] }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: {
        selector: { app: name },
        ipFamilyPolicy: 'PreferDualStack',
        ports: [{ name: 'tcp', port: 8080 }],
      },
    },
  ]);
  await apply(mesh, { apiVersion: 'v1', kind: 'List', items });
  const names = pods.map(({ name }) => `pod/${name}`);
  await mesh.kubectl('wait', '--for=condition=Ready', ...names, '--timeout=60s');
}

/** Applies an object. */
export async function apply(mesh: LaptopMesh, object: object): Promise<void> {
  const applied = await mesh.kubectlRaw(['apply', '-f', '-'], JSON.stringify(object));
  if (applied.code !== 0) throw new Error(applied.stderr);
}

/** Waits until a pod is in the mesh, or out of it. */
export async function enrolled(mesh: LaptopMesh, name: string, wanted = true): Promise<void> {
  const mark = 'jsonpath={.metadata.annotations.ambient\\.istio\\.io/redirection}';
  await until(`pod ${name} to be ${wanted ? 'in' : 'out of'} the mesh`, async () => {
    const text = await mesh.kubectl('get', 'pod', name, '-o', mark);
    return (text === 'enabled') === wanted || undefined;
  });
}

/** The network namespace of a pod, closed with the stack. */
export async function namespaceOf(
  mesh: LaptopMesh,
  stack: AsyncDisposableStack,
  name: string,
): Promise<NetworkNamespace> {
  const path = 'jsonpath={.status.containerStatuses[0].containerID}';
  const id = await mesh.kubectl('get', 'pod', name, '-o', path);
  return stack.use(NetworkNamespace.open(`/proc/${id.replace(/^.*:\/\//, '')}/ns/net`));
}

/** The addresses of a pod or service, IPv4 first. */
export async function addressesOf(
  mesh: LaptopMesh,
  kind: 'pod' | 'service',
  name: string,
): Promise<readonly [string, string]> {
  const path = kind === 'pod' ? '{.status.podIPs[*].ip}' : '{.spec.clusterIPs[*]}';
  const text = await mesh.kubectl('get', kind, name, '-o', `jsonpath=${path}`);
  const [ipv4 = '', ipv6 = ''] = text.split(' ');
  return [ipv4, ipv6];
}

/** What `ambit why` tells of two parties once it matches: a record is there when a connection or request has
 * ended, which may be after its answer has arrived. Where older connections may end meanwhile, `again` makes a new one
 * before each look, since the newest end is told. */
export async function whyOf(
  mesh: LaptopMesh,
  source: string,
  destination: string,
  wanted: RegExp,
  again: () => Promise<unknown> = async () => undefined,
): Promise<string> {
  let told = '';
  try {
    return await until('the record', async () => {
      await again();
      told = (await mesh.ambit('why', source, destination)).stdout;
      return wanted.test(told) ? told : undefined;
    });
  } catch (cause) {
    throw new Error(`ambit why ${source} ${destination} never told ${wanted}, but\n${told}`, {
      cause,
    });
  }
}
