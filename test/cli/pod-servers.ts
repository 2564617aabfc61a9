// A cluster in one process: an API server, and pods whose ports are HTTP servers of the test.

import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Harness, noPods, startHarness } from '../standalone/api/api-harness.ts';

/** A pod of the test. */
export interface TestPod {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly node?: string;
  /** `Running` by default. */
  readonly phase?: string;
  readonly ready?: boolean;
  readonly annotations?: Readonly<Record<string, string>>;
  /** What its ports answer: by `PORT/PATH` without the query; others are 404, ports without any are closed. */
  readonly pages?: Readonly<Record<string, string>>;
}

export interface TestCluster {
  readonly api: Harness;
  /** The requests that pods were asked, as `POD METHOD PORT/PATH?QUERY`. */
  readonly asked: readonly string[];
}

/** Starts it; the stack ends it. */
export async function startPods(
  stack: AsyncDisposableStack,
  pods: readonly TestPod[],
): Promise<TestCluster> {
  const asked: string[] = [];
  const ports = new Map<string, number>();
  for (const pod of pods) {
    const open = new Set(Object.keys(pod.pages ?? {}).map((page) => page.split('/')[0] ?? ''));
    for (const port of open) ports.set(`${pod.name}:${port}`, await serve(stack, pod, port, asked));
  }
  const connectTo = async (_namespace: string, name: string, port: number) => {
    const real = ports.get(`${name}:${port}`);
    if (real === undefined) throw new Error('connection refused');
    return connect(real, '127.0.0.1');
  };
  const api = await startHarness(stack, { podAccess: { ...noPods, connect: connectTo } });
  for (const pod of pods) addPod(api, pod);
  return { api, asked };
}

async function serve(
  stack: AsyncDisposableStack,
  pod: TestPod,
  port: string,
  asked: string[],
): Promise<number> {
  const server = createServer((request, response) => {
    asked.push(`${pod.name} ${request.method} ${port}${request.url}`);
    const page = pod.pages?.[`${port}${request.url?.split('?')[0]}`];
    response.writeHead(page === undefined ? 404 : 200).end(page ?? 'no such page');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  stack.defer(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function addPod({ server: { store } }: Harness, pod: TestPod): void {
  const { name, namespace = 'istio-system', labels = {}, annotations = {} } = pod;
  if (store.get('namespaces', '', namespace) === undefined) {
    store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  }
  store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { ...labels }, annotations: { ...annotations } },
    spec: { nodeName: pod.node ?? 'node1', containers: [{ name: 'main', image: 'x' }] },
  });
  const conditions = [{ type: 'Ready', status: pod.ready === false ? 'False' : 'True' }];
  const status = { phase: pod.phase ?? 'Running', conditions };
  store.mergePatch('pods', namespace, name, { status }, 'status');
}
