// Acceptance of traffic management: which endpoints get how much, by place and by what requests have in
// common. That the share of a new endpoint grows takes minutes, and is tested with a clock of its own in
// test/waypoint/balancing.test.ts.

import { once } from 'node:events';
import http from 'node:http';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { withinChance } from '../cases/chance.ts';
import { type LaptopMesh, upMesh } from '../support/laptop-mesh.ts';
import { suite } from '../support/suite.ts';
import { EchoServer } from './echo-scene.ts';
import { addressesOf, apply, createPods, enrolled, namespaceOf } from './enrolled-pods.ts';
import { PodAgent } from './request-load.ts';

const places = ['z1', 'z2', 'z3', 'r2'] as const;
type Place = (typeof places)[number];
const localities: Readonly<Record<Place, readonly [string, string]>> = {
  z1: ['r1', 'z1'],
  z2: ['r1', 'z2'],
  z3: ['r1', 'z3'],
  r2: ['r2', 'z1'],
};

interface Scene {
  readonly mesh: LaptopMesh;
  /** The node of each place; the waypoint runs in the first. */
  readonly nodes: Readonly<Record<Place, `node${number}`>>;
  /** The pod that answered a request to a service, and the headers of its answer. */
  readonly ask: (
    service: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly pod: string; readonly headers: http.IncomingHttpHeaders }>;
  /** Starts a pod that answers. */
  readonly start: (pods: readonly EchoPod[]) => Promise<void>;
}

interface EchoPod {
  readonly name: string;
  readonly group: string;
  readonly place: Place;
}

const test = suite<Scene>('acceptance of balancing', {
  deadlineMs: 90_000,
  async setup({ stack }) {
    const mesh = await upMesh(stack, 'balancing', { args: ['--nodes', '4'] });
    await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
    await apply(mesh, { apiVersion: 'v1', kind: 'List', items: inFront() });
    await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=60s');
    const nodes = await placeNodes(mesh);
    await createPods(mesh, [{ name: 'client', node: nodes.z2 }]);
    await enrolled(mesh, 'client');
    const namespace = await namespaceOf(mesh, stack, 'client');
    const agent = new PodAgent(namespace, { keepAlive: true, maxSockets: 4 });
    stack.defer(() => agent.destroy());
    const addresses = new Map<string, string>();
    for (const name of ['echo', 'plain']) {
      addresses.set(name, (await addressesOf(mesh, 'service', name))[0]);
    }
    const ask: Scene['ask'] = async (service, headers = {}) => {
      const host = addresses.get(service);
      // Node proxies choose for connections, so theirs are not used twice.
      const request = http.request({
        agent: service === 'plain' ? new PodAgent(namespace, {}) : agent,
        host,
        port: 8080,
        headers,
      });
      request.end();
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      for await (const _ of response);
      return { pod: String(response.headers['x-pod'] ?? 'none'), headers: response.headers };
    };
    const start: Scene['start'] = async (pods) => {
      await createPods(
        mesh,
        pods.map(({ name, group, place }) => ({ name, node: nodes[place], labels: { group } })),
      );
      for (const { name } of pods) {
        await enrolled(mesh, name);
        const server = new EchoServer(name, await namespaceOf(mesh, stack, name));
        await server.start();
        stack.defer(() => server.stop());
      }
    };
    await start([
      ...places.map((place) => ({ name: place, group: 'echo', place })),
      { name: 'near', group: 'plain', place: 'z2' },
      { name: 'far', group: 'plain', place: 'z3' },
    ]);
    return { mesh, nodes, ask, start };
  },
});

function inFront(): object[] {
  const service = (name: string, metadata: object): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...metadata },
    spec: { selector: { group: name }, ports: [{ name: 'http', port: 8080 }] },
  });
  return [
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name: 'waypoint', labels: { 'istio.io/waypoint-for': 'service' } },
      spec: {
        gatewayClassName: 'istio-waypoint',
        listeners: [{ name: 'mesh', port: 15_008, protocol: 'HBONE' }],
      },
    },
    service('echo', { labels: { 'istio.io/use-waypoint': 'waypoint' } }),
    service('plain', {
      annotations: { 'networking.istio.io/traffic-distribution': 'PreferSameZone' },
    }),
  ];
}

/** Gives each node a place, the waypoint's the first. */
async function placeNodes(mesh: LaptopMesh): Promise<Scene['nodes']> {
  const selector = 'gateway.networking.k8s.io/gateway-name=waypoint';
  const where = ['get', 'pod', '-l', selector, '-o', 'jsonpath={.items[0].spec.nodeName}'];
  const own = Number((await mesh.kubectl(...where)).replace('node', ''));
  const placed = places.map((place, index) => {
    const number = ((own - 1 + index) % places.length) + 1;
    return [place, `node${number}`] as const;
  });
  for (const [place, node] of placed) {
    const [region, zone] = localities[place];
    const labels = [
      `topology.kubernetes.io/region=${region}`,
      `topology.kubernetes.io/zone=${zone}`,
    ];
    await mesh.kubectl('label', 'node', node, ...labels);
  }
  return Object.fromEntries(placed) as unknown as Scene['nodes'];
}

let revision = 0;

/** Puts a traffic policy in force for the service behind the waypoint. */
async function balance({ mesh, ask }: Scene, trafficPolicy: object): Promise<void> {
  const told = String(++revision);
  const api = { apiVersion: 'networking.istio.io/v1', metadata: { name: 'echo' } };
  const rule = { ...api, kind: 'DestinationRule', spec: { host: 'echo', trafficPolicy } };
  const set = { 'x-revision': told };
  const routes = [{ headers: { response: { set } }, route: [{ destination: { host: 'echo' } }] }];
  const route = { ...api, kind: 'VirtualService', spec: { hosts: ['echo'], http: routes } };
  await apply(mesh, rule);
  await apply(mesh, route);
  await until(`revision ${told}`, async () => {
    return (await ask('echo')).headers['x-revision'] === told || undefined;
  });
}

/** How many of so many requests each pod answered. */
async function count(
  scene: Scene,
  service: string,
  requests: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let index = 0; index < requests; index++) {
    const { pod } = await scene.ask(service);
    counts.set(pod, (counts.get(pod) ?? 0) + 1);
  }
  return counts;
}

/** Waits until one of these answers, and then expects that they alone do. */
async function only(scene: Scene, service: string, pods: readonly string[]): Promise<void> {
  await until(`${pods.join(' or ')} to answer`, async () => {
    return pods.includes((await scene.ask(service)).pod) || undefined;
  });
  const counts = await count(scene, service, 20);
  assert.ok(
    [...counts.keys()].every((pod) => pods.includes(pod)),
    JSON.stringify([...counts]),
  );
}

function remove({ mesh }: Scene, ...names: readonly string[]): Promise<string> {
  return mesh.kubectl('delete', 'pod', ...names);
}

test('a route keeps the sessions of its clients', async (scene) => {
  const port = 8080;
  const rule = {
    backendRefs: [{ name: 'echo', port }],
    sessionPersistence: { sessionName: 'cart' },
  };
  await apply(scene.mesh, {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'echo' },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'echo', port }], rules: [rule] },
  });
  const first = await until('a session', async () => {
    const answer = await scene.ask('echo');
    return answer.headers['set-cookie'] === undefined ? undefined : answer;
  });
  const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
  assert.match(cookie, /^cart=/);
  for (let again = 0; again < 30; again++) {
    assert.is((await scene.ask('echo', { cookie })).pod, first.pod);
  }
  await scene.mesh.kubectl('delete', 'httproute', 'echo');
});

test('A-19: places get the shares that the rule distributes', async (scene) => {
  const to = { 'r1/z1/*': 70, 'r1/z2/*': 20, 'r2/*': 10 };
  await balance(scene, {
    loadBalancer: { localityLbSetting: { distribute: [{ from: 'r1/z1/*', to }] } },
  });
  const counts = await count(scene, 'echo', 400);
  withinChance(counts.get('z1') ?? 0, 400, 0.7);
  withinChance(counts.get('z2') ?? 0, 400, 0.2);
  withinChance(counts.get('r2') ?? 0, 400, 0.1);
  assert.is(counts.get('z3'), undefined);
});

test('A-21: a made cookie keeps a client at one pod', async (scene) => {
  const httpCookie = { name: 'home', ttl: '1h', path: '/' };
  await balance(scene, { loadBalancer: { consistentHash: { httpCookie } } });
  const pods = new Set<string>();
  for (let client = 0; client < 30; client++) {
    const first = await scene.ask('echo');
    const [made = ''] = first.headers['set-cookie'] ?? [];
    assert.match(made, /^home=\w+; Max-Age=3600; Path=\/; HttpOnly$/);
    const cookie = made.split(';')[0] ?? '';
    for (let again = 0; again < 3; again++) {
      assert.is((await scene.ask('echo', { cookie })).pod, first.pod);
    }
    pods.add(first.pod);
  }
  assert.ok(pods.size >= 2);
});

test('A-21: the same header leads to the same pod, and few move when one is added', async (scene) => {
  const consistentHash = { httpHeaderName: 'x-user' };
  await balance(scene, { loadBalancer: { consistentHash } });
  const homes = async (): Promise<string[]> => {
    const found: string[] = [];
    for (let user = 0; user < 100; user++) {
      found.push((await scene.ask('echo', { 'x-user': `user-${user}` })).pod);
    }
    return found;
  };
  const before = await homes();
  assert.equal(await homes(), before);
  assert.is(new Set(before).size, 4);
  await scene.start([{ name: 'fifth', group: 'echo', place: 'z1' }]);
  await until('the new pod to be used', async () => {
    return (await homes()).includes('fifth') || undefined;
  });
  const after = await homes();
  const moved = after.filter((pod, index) => pod !== before[index]);
  assert.ok(moved.every((pod) => pod === 'fifth'));
  // A fifth, and what chance adds.
  assert.ok(moved.length <= 40, `${moved.length} of 100 moved`);
  await remove(scene, 'fifth');
  await until('the new pod to be gone', async () => {
    return (await homes()).join() === before.join() || undefined;
  });
});

test('A-20: the node proxy prefers the zone of the client, and leaves it when nobody is there', async (scene) => {
  await only(scene, 'plain', ['near']);
  await remove(scene, 'near');
  await only(scene, 'plain', ['far']);
});

test('A-18: the zone of the waypoint comes first, then its region, then the one that takes over', async (scene) => {
  await balance(scene, {
    loadBalancer: { localityLbSetting: { failover: [{ from: 'r1', to: 'r2' }] } },
    outlierDetection: {},
  });
  await only(scene, 'echo', ['z1']);
  await remove(scene, 'z1');
  await only(scene, 'echo', ['z2', 'z3']);
  await remove(scene, 'z2', 'z3');
  await only(scene, 'echo', ['r2']);
});

test.run();
