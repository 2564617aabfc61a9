import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { suite } from '../support/suite.ts';
import { ProxyStream, ztunnelNode } from './proxy-client.ts';
import {
  openApi,
  type RunningController,
  startApi,
  startController,
  temporaryFolder,
} from './running-controller.ts';

const test = suite('restarts around the controller');

const pod = (name: string, ip: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default}
spec: {nodeName: node1, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: ${ip}}
`;

test('a new controller goes on with the same root', async ({ stack }) => {
  const api = await openApi(temporaryFolder(stack), 0);
  stack.use(api);
  const roots: string[] = [];
  for (let count = 0; count < 2; count++) {
    await using own = new AsyncDisposableStack();
    const running = await startController(own, api);
    const root = await running.eventually('root certificate', () =>
      api.store.get('configmaps', 'default', 'istio-ca-root-cert'),
    );
    roots.push((root['data'] as Record<string, string>)['root-cert.pem']!);
    assert.is(root.metadata['generation'] ?? 1, 1);
  }
  assert.is(roots[0], roots[1]);
});

const entry = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: [${name}.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
`;

test('hosts keep their addresses, and a controller of the same time gives the same ones', async ({
  stack,
}) => {
  const api = await openApi(temporaryFolder(stack), 0);
  stack.use(api);
  const given = (running: RunningController, name: string) =>
    running.eventually(`addresses of ${name}`, () => {
      const { status } = api.store.get('networking.istio.io/serviceentries', 'default', name) ?? {};
      return (status as { addresses?: readonly object[] } | undefined)?.addresses;
    });
  const own = stack.use(new AsyncDisposableStack());
  const first = await startController(own, api);
  first.apply(entry('early'));
  const early = await given(first, 'early');
  assert.is(early.length, 2);
  await own.disposeAsync();
  const [one] = await Promise.all([startController(stack, api), startController(stack, api)]);
  one.apply(entry('late'));
  const late = await given(one, 'late');
  assert.is(late.length, 2);
  assert.equal(await given(one, 'early'), early);
});

test('a controller that ends lets its proxies go at once', async ({ stack }) => {
  const api = await openApi(temporaryFolder(stack), 0);
  stack.use(api);
  const own = stack.use(new AsyncDisposableStack());
  const running = await startController(own, api);
  const root = await running.eventually('root certificate', () =>
    api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert'),
  );
  const rootPem = (root['data'] as Record<string, string>)['root-cert.pem']!;
  const token = await running.token('istio-system', 'ztunnel');
  const stream = new ProxyStream(stack, running.address, rootPem, token, ztunnelNode());
  stream.subscribe(typeUrls.address);
  stream.ack(await stream.next());
  const ended = stream.ended();
  await own.disposeAsync();
  // Resolves with the stream, not with a connection that was cut.
  assert.is(await ended, 'ended');
});

test('an API server that comes back is watched again, and what went meanwhile is gone', async ({
  stack,
}) => {
  const api = await openApi(temporaryFolder(stack), 0);
  stack.use(api);
  const line = stack.use(await Line.open(api.port));
  const running = await startController(stack, api, line.port);
  running.apply(pod('stays', '10.244.1.2'));
  running.apply(pod('goes', '10.244.1.3'));
  await running.eventually('both pods', async () => {
    const names = await workloads(running);
    return names.includes('stays') && names.includes('goes') ? true : undefined;
  });
  line.cut();
  api.store.delete('pods', 'default', 'goes', { gracePeriodSeconds: 0 });
  running.apply(pod('comes', '10.244.1.4'));
  assert.equal(await workloads(running), ['goes', 'stays']);
  line.mend();
  await running.eventually('the pods of now', async () => {
    const names = await workloads(running);
    return names.join() === 'comes,stays' ? true : undefined;
  });
});

const policy = (principal: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: default}
spec: {rules: [{from: [{source: {principals: ["${principal}"]}}]}]}
`;
const valid = policy('cluster.local/ns/default/sa/a');
const mistyped = policy('spiffe://cluster.local/ns/default/sa/a');
const policies = 'security.istio.io/authorizationpolicies';

test('the last valid version of an invalid object outlives the controller', async ({ stack }) => {
  const api = await startApi(stack);
  await whileControlled(api, async (running) => {
    running.apply(valid);
    await running.eventually('the policy', () => hasOneRule(running));
    assert.equal(savedIn(api), []);
    running.apply(mistyped);
    await running.eventually('the version to be saved', () => savedIn(api)[0]);
  });
  await whileControlled(api, async (running) => {
    // Without waiting: it holds from the first publication on.
    assert.is(await rulesOfPolicy(running), 1);
    // The status may still be the one that the first controller wrote of the valid version.
    await running.eventually('the condition', () =>
      /AMB1609 .*the last valid version \(generation 1\) stays in force/.test(acceptance(api) ?? '')
        ? true
        : undefined,
    );
    assert.is(savedIn(api).length, 1);
    running.apply(valid);
    await running.eventually('it to be removed', () => savedIn(api).length === 0 || undefined);
  });
});

test('a saved version goes when its object was corrected or deleted without a controller', async ({
  stack,
}) => {
  const api = await startApi(stack);
  for (const meanwhile of [
    (running: RunningController) => running.apply(valid),
    () => api.store.delete(policies, 'default', 'p'),
  ]) {
    const before = await whileControlled(api, async (running) => {
      running.apply(valid);
      await running.eventually('the policy', () => hasOneRule(running));
      running.apply(mistyped);
      await running.eventually('the version to be saved', () => savedIn(api)[0]);
      return running;
    });
    meanwhile(before);
    assert.is(savedIn(api).length, 1);
    await whileControlled(api, async (running) => {
      await running.eventually('it to be removed', () => savedIn(api).length === 0 || undefined);
    });
  }
});

test('a policy that is mistyped while no controller runs closes instead of opening', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const before = await whileControlled(api, async (running) => {
    running.apply(valid);
    await running.eventually('the policy', () => hasOneRule(running));
    return running;
  });
  before.apply(mistyped);
  await whileControlled(api, async (running) => {
    assert.is(await rulesOfPolicy(running), 0);
    const message = await running.eventually('the condition', async () => {
      const text = acceptance(api);
      return text?.includes('AMB1619') ? text : undefined;
    });
    assert.match(message, /allows nothing for what it selects/);
    await running.eventually('the event', () =>
      api.store
        .list('events', { namespace: 'default' })
        .find((one) => String(one['message']).includes('AMB1619')),
    );
    running.apply(valid);
    await running.eventually('the policy', () => hasOneRule(running));
  });
});

test.run();

/** Runs a controller for the time of the body. */
async function whileControlled<T>(
  api: ApiServer,
  body: (running: RunningController) => Promise<T>,
): Promise<T> {
  await using own = new AsyncDisposableStack();
  return await body(await startController(own, api));
}

/** How many rules of the policy are published; undefined when it is not. */
async function rulesOfPolicy(running: RunningController): Promise<number | undefined> {
  const url = `http://127.0.0.1:${running.controller.ports.monitoring}/debug/config_dump`;
  const { authorizations } = (await (await fetch(url)).json()) as {
    authorizations: Record<string, { groups: unknown[] }>;
  };
  return authorizations['default/p']?.groups.length;
}

async function hasOneRule(running: RunningController): Promise<true | undefined> {
  return (await rulesOfPolicy(running)) === 1 || undefined;
}

function savedIn(api: ApiServer): string[] {
  return api.store
    .list('configmaps', { namespace: 'istio-system' })
    .filter(({ metadata }) => metadata.labels?.['ambit.io/last-valid'] === 'true')
    .map(({ metadata }) => metadata.name);
}

function acceptance(api: ApiServer): string | undefined {
  const status = api.store.get(policies, 'default', 'p')?.['status'] as
    | { conditions?: { type: string; message: string }[] }
    | undefined;
  return status?.conditions?.find(({ type }) => type === 'ambit.io/Accepted')?.message;
}

async function workloads(running: RunningController): Promise<string[]> {
  const url = `http://127.0.0.1:${running.controller.ports.monitoring}/debug/config_dump`;
  const dump = (await (await fetch(url)).json()) as { workloads: Record<string, { name: string }> };
  return Object.values(dump.workloads)
    .map(({ name }) => name)
    .filter((name) => name !== 'kubernetes')
    .sort();
}

/** A line to a port of this machine that can be cut. */
class Line implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #whole = true;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const [from, to] of [[near, far] as const, [far, near] as const]) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
      if (!this.#whole) near.destroy();
    });
  }

  static async open(target: number): Promise<Line> {
    const line = new Line(target);
    await new Promise<void>((resolve) => {
      line.#server.listen(0, '127.0.0.1', resolve);
    });
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#whole = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
