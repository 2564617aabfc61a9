// node bench/config-load.ts [SERVICES PODS]: how long the controller and a node proxy take over the
// configuration of a large mesh, how long anything else in either has to wait meanwhile, and how soon the
// change of one pod arrives. The controller's side runs here, the proxy's in a process of its own, with
// gRPC over TLS between them; objects are made in memory, so the API server is left out.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ObjectTables } from '../src/controller/objects.ts';
import { XdsServer } from '../src/controller/publish/xds-server.ts';
import { Translator } from '../src/controller/translator.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { silentLogger } from '../src/runtime/log.ts';
import { mesh } from '../test/controller/tables.ts';
import { serveXds } from '../test/support/xds.ts';
import { aPod, largeMesh, type MeshSize } from './config-load/large-mesh.ts';
import type { ProxyReport } from './config-load/proxy.ts';
import { nextReport, printFigures } from './config-load/report.ts';
import { type Stall, StallProbe } from './config-load/stall-probe.ts';

/** What a load showed. Times in milliseconds, memory (resident) in MiB. */
export interface LoadFigures {
  readonly translateMs: number;
  readonly translateStall: Stall;
  readonly serveStall: Stall;
  readonly controllerRssMiB: number;
  readonly proxyLoadMs: number;
  readonly proxyStall: Stall;
  readonly proxyRssMiB: number;
  /** From the change of a pod in the controller's tables to the changed workload in the proxy's state. */
  readonly changeMs: readonly number[];
  /** The controller's longest stall while pods changed. */
  readonly changeStall: Stall;
}

const changes = 20;

/** Loads a mesh of a size once. */
export async function measureConfigLoad(size: MeshSize): Promise<LoadFigures> {
  await using stack = new AsyncDisposableStack();
  const tables = new ObjectTables((kind, object) => translator.changed(kind, object));
  const translator = new Translator(tables, mesh, systemClock);
  largeMesh(size, tables);
  const xds = new XdsServer({
    verifier: {
      verify: () => Promise.resolve({ namespace: 'istio-system', serviceAccount: 'ztunnel' }),
    },
    clock: systemClock,
    log: silentLogger,
  });
  const probe = new StallProbe();
  stack.defer(() => probe.stop());
  const translate = async (): Promise<number> => {
    const start = performance.now();
    xds.publish((await translator.translate()).published);
    return performance.now() - start;
  };
  const translateMs = await translate();
  const translated = probe.take();
  const access = await serveXds(stack, xds);
  const proxy = await startProxy(stack, access, `Kubernetes//Pod/${nameOfPod(size)}`);
  const loaded = await nextReport<ProxyReport, 'loaded'>(proxy, 'loaded');
  if (loaded.workloads !== size.pods || loaded.services !== size.services) {
    throw new Error(`the proxy has ${loaded.workloads} workloads, ${loaded.services} services`);
  }
  const served = probe.take();
  const changeMs: number[] = [];
  for (let version = 1; version <= changes; version++) {
    const arrived = nextReport<ProxyReport, 'changed'>(proxy, 'changed');
    const start = performance.now();
    tables.set('Pod', aPod(7, size, version));
    await translate();
    await arrived;
    changeMs.push(performance.now() - start);
  }
  return {
    translateMs,
    translateStall: translated,
    serveStall: served,
    controllerRssMiB: process.memoryUsage.rss() / 2 ** 20,
    proxyLoadMs: loaded.ms,
    proxyStall: loaded.stall,
    proxyRssMiB: loaded.rssMiB,
    changeMs,
    changeStall: probe.take(),
  };
}

function nameOfPod(size: MeshSize): string {
  const { namespace, name } = aPod(7, size).metadata;
  return `${namespace}/${name}`;
}

async function startProxy(stack: AsyncDisposableStack, access: object, watched: string) {
  const file = path.join(import.meta.dirname, 'config-load/proxy.ts');
  const child = fork(file, [JSON.stringify([access, watched])]);
  stack.defer(async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  });
  await once(child, 'spawn');
  return child;
}

if (import.meta.main) {
  const [services = 10_000, pods = 50_000] = process.argv.slice(2).map(Number);
  const { changeMs, ...figures } = await measureConfigLoad({ services, pods });
  printFigures(figures, changeMs);
}
