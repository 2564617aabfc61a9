import { rmSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { Controller } from '../../src/controller/controller.ts';
import type { Logger } from '../../src/runtime/log.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { suite } from '../support/suite.ts';
import { ApiFront } from './api-front.ts';
import { LeapingClock } from './leaping-clock.ts';
import {
  applyYaml,
  eventually,
  openApi,
  settingsFor,
  startApi,
  temporaryFolder,
} from './running-controller.ts';

const test = suite('the controller and kinds that it cannot read');

/** A controller whose way to the API server a test decides about. */
async function begin(stack: AsyncDisposableStack, front: ApiFront) {
  const codes: string[] = [];
  const note = (fields: object): void => {
    const { code, kind } = fields as { code?: string; kind?: string };
    if (code !== undefined && kind !== undefined) codes.push(`${code} ${kind}`);
  };
  const log: Logger = { ...silentLogger, warn: note, error: note };
  const clock = new LeapingClock();
  const client = stack.use(front.client());
  const controller = stack.use(new Controller({ client, settings: settingsFor({}), clock, log }));
  const started = controller.start();
  const ask = async (url: string): Promise<Response> =>
    await fetch(`http://127.0.0.1:${controller.ports.monitoring}${url}`);
  await eventually('its port', () => controller.ports.monitoring || undefined);
  const names = async (): Promise<string[]> => {
    const { workloads } = (await (await ask('/debug/config_dump')).json()) as {
      workloads: Record<string, { name: string }>;
    };
    return Object.values(workloads).map(({ name }) => name);
  };
  return { controller, started, codes, clock, ask, names };
}

const pod = (name: string, ip: string): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: default}, spec: {nodeName: n, containers: [{name: c, image: i}]}, status: {phase: Running, podIP: ${ip}}}`;

test('without permission for a kind it is not ready, says so, and starts when it may', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  front.intercept = (_method, url) =>
    url.includes('/authorizationpolicies') ? { status: 403 } : undefined;
  const { started, codes, clock, ask } = await begin(stack, front);
  await eventually('the code', () => codes.includes('AMB1660 AuthorizationPolicy') || undefined);
  const ready = await ask('/ready');
  assert.is(ready.status, 500);
  assert.match(await ready.text(), /objects/);
  assert.equal(await (await ask('/debug/watches')).json(), {
    interrupted: { AuthorizationPolicy: 'forbidden' },
  });
  front.intercept = () => undefined;
  clock.leap(20_000);
  await started;
  assert.is((await ask('/ready')).status, 200);
  await eventually('no interruption', async () =>
    (await (await ask('/debug/watches')).text()).includes('forbidden') ? undefined : true,
  );
  assert.is(codes.filter((one) => one.startsWith('AMB1660')).length, 1);
});

test('a permission withdrawn for one kind stops no other', async ({ stack }) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  const { started, codes, ask, names, clock } = await begin(stack, front);
  await started;
  front.intercept = (_method, url) =>
    url.includes('/virtualservices') ? { status: 403 } : undefined;
  front.cut();
  await eventually('the code', () => codes.includes('AMB1660 VirtualService') || undefined);
  applyYaml(api, pod('new', '10.244.1.9'));
  await eventually('the pod', async () => (await names()).includes('new') || undefined);
  const metrics = await (await ask('/metrics')).text();
  assert.match(
    metrics,
    /^ambit_controller_watch_interruptions_total\{kind="VirtualService",reason="forbidden"\} [1-9]/m,
  );
  front.intercept = () => undefined;
  clock.leap(20_000);
  await eventually('that it is read again', async () =>
    (await (await ask('/debug/watches')).text()).includes('forbidden') ? undefined : true,
  );
});

test('the API server comes back with nothing of what it was, and the mesh follows', async ({
  stack,
}) => {
  const folder = temporaryFolder(stack);
  const first = await openApi(folder, 0);
  const { port } = first;
  const front = stack.use(await ApiFront.open(first));
  const { started, names } = await begin(stack, front);
  await started;
  for (let count = 1; count < 40; count++)
    applyYaml(first, pod(`old${count}`, `10.244.1.${count}`));
  await eventually('the pods', async () => (await names()).includes('old39') || undefined);
  await first.close();
  front.cut();
  rmSync(path.join(folder, 'state.db'), { force: true });
  for (const end of ['-wal', '-shm']) rmSync(path.join(folder, `state.db${end}`), { force: true });
  const second = stack.use(await openApi(folder, port));
  applyYaml(second, pod('fresh', '10.244.2.1'));
  await eventually('the pod of now, and no other', async () => {
    const all = (await names()).filter((name) => name !== 'kubernetes');
    return all.join() === 'fresh' || undefined;
  });
});

test.run();
