import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { identityOf } from '../../src/mesh/identity.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { encodeAddress, type MeshAddress, nameOfAddress } from '../../src/wire/address.ts';
import { encodeServiceConfig } from '../../src/wire/waypoint-config.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { TestAuthority } from '../support/certificates.ts';
import { type StandIn, startController } from '../support/controller.ts';
import { suite } from '../support/suite.ts';
import { startPool, targetAt } from '../support/tunnels.ts';
import { ask, serviceOf, servicePort, startApp, virtualAddress, workloadAt } from './fixture.ts';

const test = suite('waypoint as a process', { deadlineMs: 60_000 });
const main = path.resolve(import.meta.dirname, '../../src/waypoint/main.ts');
const own = identityOf({
  trustDomain: 'cluster.local',
  namespace: 'default',
  serviceAccount: 'waypoint',
});

/** Publishes one service with one endpoint, and its configuration, to every stream. */
function publish(controller: StandIn, appPort: number): void {
  const reviews = serviceOf('reviews');
  const service = keyOfService(reviews);
  const pod = workloadAt('reviews-v1', {
    tunnelProtocol: 'none',
    addresses: ['127.0.0.1' as IpAddress],
    services: new Map([[service, [{ servicePort, targetPort: appPort }]]]),
  });
  const addresses: MeshAddress[] = [
    { kind: 'service', service: reviews },
    { kind: 'workload', workload: pod },
  ];
  const resources = new Map<string, [string, Uint8Array][]>([
    [typeUrls.address, addresses.map((one) => [nameOfAddress(one), encodeAddress(one)])],
    [
      typeUrls.serviceConfig,
      [[service, encodeServiceConfig({ service, routes: [], policies: [] })]],
    ],
  ]);
  controller.onRequest = (stream, { responseNonce, typeUrl }) => {
    if (responseNonce !== '') return;
    stream.write({
      systemVersion: 'feedface00000000',
      typeUrl,
      nonce: typeUrl,
      removed: [],
      resources: (resources.get(typeUrl) ?? []).map(([name, bytes]) => ({
        name,
        version: '1',
        aliases: [],
        bytes,
      })),
    });
  };
}

async function start(stack: AsyncDisposableStack, controller: StandIn) {
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      XDS_ADDRESS: controller.access.address,
      CA_ADDRESS: controller.access.address,
      XDS_ROOT_CA: controller.access.rootCertPath,
      AUTH_TOKEN: controller.access.tokenPath,
      POD_NAME: 'waypoint-x',
      POD_NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'waypoint',
      INSTANCE_IP: '127.0.0.1',
      NODE_NAME: 'node1',
      GATEWAY_NAME: 'waypoint',
      HBONE_PORT: '0',
      ADMIN_PORT: '0',
      STATS_PORT: '0',
      READINESS_PORT: '0',
    },
  });
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const ports = await new Promise<number[]>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as { message: string; ports: number[] };
      if (entry.message === 'started') resolve(entry.ports);
    });
  });
  const [tunnel = 0, admin = 0, stats = 0, readiness = 0] = ports;
  return { ports: { tunnel, admin, stats, readiness }, exited, child };
}

async function get(port: number, route: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${route}`);
  return { status: response.status, body: await response.text() };
}

test('subscribes, proves itself, serves, tells what it did, and ends in order', async ({
  stack,
  signal,
}) => {
  const authority = new TestAuthority();
  const controller = await startController(stack, authority);
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const app = await startApp(stack, (request, response) => {
    if (request.url !== '/held') {
      response.end('hello');
      return;
    }
    arrived.resolve();
    void release.promise.then(() => response.end('late'));
  });
  publish(controller, app.port);
  const { ports, exited, child } = await start(stack, controller);
  while ((await get(ports.readiness, '/healthz/ready')).status !== 200) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { node } = await controller.nextRequest((request) => request.node !== undefined);
  assert.is(node?.id, 'waypoint~127.0.0.1~waypoint-x.default~default.svc.cluster.local');
  assert.is(node?.metadata['GATEWAY_NAME'], 'waypoint');
  assert.is(controller.signed.length, 1);

  const pool = startPool(stack, authority);
  const result = await pool.open(
    targetAt({ address: '127.0.0.1' as IpAddress, port: ports.tunnel }, [own], {
      authority: `${virtualAddress}:${servicePort}`,
    }),
  );
  assert.is(result.kind, 'open');
  if (result.kind !== 'open') return;
  const answer = await ask(result.stream, { path: '/reviews/1' });
  assert.is(answer.body.toString(), 'hello');

  const decisions = await get(ports.admin, '/decisions?destination=reviews');
  const { records } = JSON.parse(decisions.body) as { records: DecisionRecord[] };
  assert.is(records[0]?.by, 'waypoint/default/waypoint');
  assert.is(records[0]?.configVersion, 'feedface00000000');
  assert.match((await get(ports.stats, '/stats/prometheus')).body, 'istio_requests_total{');
  assert.match((await get(ports.admin, '/config_dump')).body, '"serviceConfigs"');

  const held = await pool.open(
    targetAt({ address: '127.0.0.1' as IpAddress, port: ports.tunnel }, [own], {
      authority: `${virtualAddress}:${servicePort}`,
    }),
  );
  if (held.kind !== 'open') throw new Error('refused');
  const underWay = ask(held.stream, { path: '/held' });
  await arrived.promise;
  child.kill('SIGTERM');
  while ((await get(ports.readiness, '/healthz/ready')).status === 200) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  release.resolve();
  assert.is((await underWay).body.toString(), 'late', 'what is under way is finished');
  assert.is(await exited, 0);
});

test.run();
