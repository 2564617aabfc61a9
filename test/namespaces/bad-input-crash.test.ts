// Killed processes, a cut link and a killed supervisor, while requests run. The tests build on each other.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { type Got, type Ran, until } from '../../demo/mesh.ts';
import { PacketCapture } from '../../src/linux/capture.ts';
import { setLink } from '../../src/linux/ip.ts';
import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';

const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');

const test = suite<{ mesh: LaptopMesh }>('a mesh whose processes are killed', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'bad-crash', {
      folder: bookinfo,
      publish: 'productpage:9080',
    });
    await mesh.kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await enrolled(mesh);
    const waypoint = path.join(bookinfo, 'routing', 'waypoint.yaml');
    await mesh.kubectl('apply', '-f', waypoint);
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=30s');
    await mesh.kubectl('label', 'service', 'reviews', 'istio.io/use-waypoint=waypoint');
    await until('requests through the waypoint', async () => {
      await reviews(mesh);
      const why = await mesh.ambit('why', 'productpage', 'reviews');
      return why.stdout.includes('waypoint/default/waypoint') || undefined;
    });
    return { mesh };
  },
});

const reviews = (mesh: LaptopMesh): Promise<Got> => mesh.get('/api/v1/products/0/reviews');

/** Waits until all pods of the application are in the mesh. */
async function enrolled(mesh: LaptopMesh): Promise<void> {
  await until('all pods to be enrolled', async () => {
    const marks =
      '{range .items[*]}{.metadata.annotations.ambient\\.istio\\.io/redirection}{"\\n"}{end}';
    const text = await mesh.kubectl('get', 'pods', '-l', 'app', '-o', `jsonpath=${marks}`);
    return (
      text
        .trim()
        .split('\n')
        .filter((line) => line === 'enabled').length === 6 || undefined
    );
  });
}

interface Running {
  readonly pod: string;
  readonly node: string;
  readonly pid: number;
  readonly restarts: number;
}

async function running(
  mesh: LaptopMesh,
  [namespace, label, container]: readonly [string, string, string],
): Promise<Running> {
  const text = await mesh.kubectl('get', 'pods', '-n', namespace, '-l', label, '-o', 'json');
  const { items } = JSON.parse(text) as { items: PodLine[] };
  const pod = items.toSorted((a, b) => (a.spec.nodeName < b.spec.nodeName ? -1 : 1))[0];
  const status = pod?.status.containerStatuses.find((one) => one.name === container);
  assert.ok(pod && status, `${label} ${container}`);
  const pid = Number(status.containerID.replace(/^.*:\/\//, ''));
  const { restartCount: restarts } = status;
  return { pod: pod.metadata.name, node: pod.spec.nodeName, pid, restarts };
}

interface PodLine {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly nodeName: string };
  readonly status: {
    readonly containerStatuses: readonly {
      readonly name: string;
      readonly containerID: string;
      readonly restartCount: number;
    }[];
  };
}

const children: readonly (readonly [string, string, string])[] = [
  ['istio-system', 'app=istiod', 'controller'],
  ['istio-system', 'app=istio-cni-node', 'node-agent'],
  ['istio-system', 'app=ztunnel', 'ztunnel'],
  ['default', 'gateway.networking.k8s.io/gateway-name=waypoint', 'waypoint'],
  ['default', 'app=details', 'details'],
];

test('each killed child comes back, traffic with it, and nothing goes in the clear', async ({
  mesh,
  stack,
}) => {
  const captures = ['node1', 'node2'].map((node) => {
    using namespace = NetworkNamespace.open(`/run/netns/ambit-${mesh.name}-${node}`);
    const capture = stack.use(PacketCapture.open('eth0', namespace));
    capture.watchFor(['GET /reviews', 'GET /ratings', 'GET /details']);
    return capture;
  });
  for (const child of children) {
    const before = await running(mesh, child);
    process.kill(before.pid, 'SIGKILL');
    const after = await until(`${child[2]} to run again`, async () => {
      await reviews(mesh).catch(() => undefined);
      const now = await running(mesh, child);
      return now.restarts > before.restarts && now.pid !== before.pid ? now : undefined;
    });
    assert.is(after.pod, before.pod);
    await until(`traffic after ${child[2]} was killed`, async () => {
      const got = [await reviews(mesh), await mesh.get('/api/v1/products/0')];
      return got.every(({ status }) => status === 200) || undefined;
    });
    await enrolled(mesh);
  }
  for (const { totals } of captures) {
    assert.ok(totals.packets > 0);
    for (const [text, count] of totals.readable) assert.is(count, 0, text);
  }
});

test('a cut link is told with a code, and traffic recovers when it is back', async ({ mesh }) => {
  using namespace = NetworkNamespace.open(`/run/netns/ambit-${mesh.name}-fabric`);
  const far = await farService(mesh);
  await setLink('to-node2', 'down', namespace);
  try {
    const told = await until('a decision that names the failure', async () => {
      await mesh.get(far.path).catch(() => undefined);
      const { stdout } = await mesh.ambit('why', 'productpage', far.service);
      return /AMB1\d{3}/.exec(stdout)?.[0];
    });
    assert.match(told, /^AMB1[57]/);
  } finally {
    await setLink('to-node2', 'up', namespace);
  }
  await until('traffic over the link', async () => {
    const got = await mesh.get(far.path);
    return got.status === 200 || undefined;
  });
});

/** A service that has its only pod on the node that productpage is not on. */
async function farService(mesh: LaptopMesh): Promise<{ service: string; path: string }> {
  const nodeOf = async (app: string): Promise<string> =>
    await mesh.kubectl(
      'get',
      'pods',
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={.items[*].spec.nodeName}',
    );
  const paths = { details: '/api/v1/products/0', ratings: '/api/v1/products/0/ratings' };
  const here = await nodeOf('productpage');
  for (const [service, where] of Object.entries(paths)) {
    if ((await nodeOf(service)) !== here) return { service, path: where };
  }
  throw new Error('productpage, details and ratings share a node');
}

test('a killed supervisor leaves what the next start takes up', async ({ mesh }) => {
  process.kill(supervisorOf(mesh), 'SIGKILL');
  const status = await until('the crash to be seen', async () => {
    const ran = await mesh.ambit('status');
    return ran.code === 3 ? ran : undefined;
  });
  assert.match(status.stdout, 'has crashed');
  const up = await mesh.ambit('up', bookinfo, '--detach');
  assert.is(up.code, 0, up.stdout + up.stderr);
  const istiod = await mesh.kubectl('get', 'pods', '-n', 'istio-system', '--no-headers');
  for (const line of istiod.trim().split('\n')) assert.match(line, /1\/1\s+Running/);
  await enrolled(mesh);
  const gateway = await mesh.kubectl('get', 'gateway', 'waypoint', '-o', 'name');
  assert.match(gateway, 'waypoint');
  await mesh.kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s');
  process.kill(supervisorOf(mesh), 'SIGKILL');
  await assertGone(await mesh.ambit('down'), mesh);
});

function supervisorOf({ stateFolder, name }: LaptopMesh): number {
  const file = path.join(stateFolder, name, 'supervisor.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid;
}

async function assertGone(down: Ran, mesh: LaptopMesh): Promise<void> {
  assert.is(down.code, 0, down.stdout + down.stderr);
  assert.match(down.stdout, '0 namespaces, 0 links, 0 processes, 0 mounts, 0 files');
  const named = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  assert.equal(
    named.filter((one) => one.startsWith(`ambit-${mesh.name}-`)),
    [],
  );
  assert.is(readFileSync('/proc/mounts', 'utf8').includes(mesh.stateFolder), false);
  assert.is(existsSync(path.join(mesh.stateFolder, mesh.name)), false);
  const again = await mesh.ambit('down');
  assert.match(again.stdout, 'is not there');
}

test.run();
