// node bench/cluster-scale.ts [SERVICES PODS]: what a cluster of a size costs the controller's process, from its
// start on an API server that is full: time to the first snapshot, memory, the longest stall, and the change
// of a pod. The API server runs here, the controller in a process of its own, with HTTPS between them.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { ApiClient } from '../src/controller/kubernetes/api-client.ts';
import { systemClock } from '../src/runtime/clock.ts';
import type { ApiServer } from '../src/standalone/api/api-server.ts';
import { typeUrls } from '../src/wire/xds.ts';
import { ProxyStream, ztunnelNode } from '../test/controller/proxy-client.ts';
import { openApi, tokenOf } from '../test/controller/running-controller.ts';
import type { ControllerReport } from './cluster-scale/controller.ts';
import { fillCluster, realPod } from './cluster-scale/fill.ts';
import type { MeshSize } from './config-load/large-mesh.ts';
import { nextReport, printFigures } from './config-load/report.ts';
import type { Stall } from './config-load/stall-probe.ts';

/** What a cluster costs. Times in milliseconds, memory in MiB. */
export interface ScaleFigures {
  /** From the start of the process until proxies are served. */
  readonly readyMs: number;
  readonly readyCpuMs: number;
  readonly readyStall: Stall;
  readonly peakRssMiB: number;
  /** After the first passes of writing, and after a collection of garbage. */
  readonly heapMiB: number;
  readonly rssMiB: number;
  /** From the change of a pod at the API server until a node proxy has been told. */
  readonly changeMs: readonly number[];
  /** CPU time of the controller for one of them. */
  readonly changeCpuMs: number;
  readonly changeStall: Stall;
  /** While a node proxy was given everything. */
  readonly servingStall: Stall;
}

const changes = 20;
const lookEveryMs = 100;
const program = path.join(import.meta.dirname, 'cluster-scale/controller.ts');

/** Measures a size once. */
export async function measureClusterScale(size: MeshSize): Promise<ScaleFigures> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'ambit-scale-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  fillCluster(path.join(folder, 'state.db'), size);
  const api = stack.use(await openApi(folder, 0));
  const child = startController(stack, api);
  const ready = await nextReport<ControllerReport, 'ready'>(child, 'ready');
  await settle(api);
  const before = await ask(child, 'collect');
  const proxy = await subscribe(stack, api, ready.grpcPort, size);
  const loaded = await ask(child);
  const changeMs: number[] = [];
  for (let version = 1; version <= changes; version++) {
    changeMs.push(await change(api, proxy, size, version));
  }
  const after = await ask(child);
  return {
    readyMs: ready.ms,
    readyCpuMs: ready.cpuMs,
    readyStall: ready.stall,
    peakRssMiB: before.peakRssMiB,
    heapMiB: before.heapMiB,
    rssMiB: before.rssMiB,
    changeMs,
    changeCpuMs: (after.cpuMs - loaded.cpuMs) / changes,
    servingStall: loaded.stall,
    changeStall: after.stall,
  };
}

/** Waits until the controller has written what it wants: the root certificate in all namespaces. */
async function settle(api: ApiServer): Promise<void> {
  // kube-public and kube-node-lease get none.
  const wanted = api.store.list('namespaces').length - 2;
  for (;;) {
    const roots = api.store
      .list('configmaps')
      .filter(({ metadata }) => metadata.name === 'istio-ca-root-cert');
    if (roots.length >= wanted) return;
    await systemClock.wait(lookEveryMs);
  }
}

/** A node proxy that has been given everything. */
async function subscribe(
  stack: AsyncDisposableStack,
  api: ApiServer,
  port: number,
  size: MeshSize,
): Promise<ProxyStream> {
  const config = new KubeConfig();
  config.loadFromString(api.kubeconfig({ server: `https://127.0.0.1:${api.port}` }));
  const client = stack.use(new ApiClient(config));
  const token = await tokenOf(api, client, 'istio-system', 'ztunnel');
  const root = api.store.get('configmaps', 'istio-system', 'istio-ca-root-cert');
  const { 'root-cert.pem': rootPem = '' } = (root?.['data'] ?? {}) as Record<string, string>;
  const proxy = new ProxyStream(stack, `127.0.0.1:${port}`, rootPem, token, ztunnelNode());
  proxy.subscribe(typeUrls.authorization);
  proxy.subscribe(typeUrls.address);
  let count = 0;
  await proxy.until(({ resources }) => {
    count += resources.length;
    return count >= size.pods + size.services;
  });
  return proxy;
}

/** Changes a pod; resolves with the time until the proxy has been told. */
async function change(
  api: ApiServer,
  proxy: ProxyStream,
  size: MeshSize,
  version: number,
): Promise<number> {
  const { metadata, status } = realPod(7, size, version) as {
    metadata: { namespace: string; name: string };
    status: object;
  };
  const uid = `Kubernetes//Pod/${metadata.namespace}/${metadata.name}`;
  const start = performance.now();
  api.store.mergePatch('pods', metadata.namespace, metadata.name, { status }, 'status');
  await proxy.until(({ resources }) => resources.some(({ name }) => name === uid));
  return performance.now() - start;
}

function startController(stack: AsyncDisposableStack, api: ApiServer): ChildProcess {
  const kubeconfig = api.kubeconfig({ server: `https://127.0.0.1:${api.port}` });
  const child = fork(program, [kubeconfig], { execArgv: ['--expose-gc'] });
  stack.defer(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

async function ask(
  child: ChildProcess,
  what: 'tell' | 'collect' = 'tell',
): Promise<ControllerReport> {
  const answer = nextReport<ControllerReport, 'asked'>(child, 'asked');
  child.send(what);
  return await answer;
}

if (import.meta.main) {
  const [services = 10_000, pods = 50_000] = process.argv.slice(2).map(Number);
  const { changeMs, ...figures } = await measureClusterScale({ services, pods });
  printFigures(figures, changeMs);
}
