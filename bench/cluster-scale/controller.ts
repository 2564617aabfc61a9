// The controller as a process of its own, for a measurement: like src/controller/main.ts, but with the address of
// its API server from its parent, whom it tells what it takes.

import { KubeConfig } from '@kubernetes/client-node';
import { Controller } from '../../src/controller/controller.ts';
import { ApiClient } from '../../src/controller/kubernetes/api-client.ts';
import { controllerSettings } from '../../src/controller/settings.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { readSettings } from '../../src/runtime/settings.ts';
import { type Stall, StallProbe } from '../config-load/stall-probe.ts';

/** What it tells: once it serves, and whenever it is asked. */
export interface ControllerReport {
  readonly kind: 'ready' | 'asked';
  readonly grpcPort: number;
  /** Since the process began. */
  readonly ms: number;
  /** Since the last report. */
  readonly stall: Stall;
  readonly cpuMs: number;
  readonly rssMiB: number;
  readonly peakRssMiB: number;
  readonly heapMiB: number;
}

const [kubeconfig = ''] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromString(kubeconfig);
const settings = readSettings(controllerSettings, {
  LISTEN_HOST: '127.0.0.1',
  GRPC_PORT: '0',
  MONITORING_PORT: '0',
  READINESS_PORT: '0',
  POD_NAME: 'istiod-measured',
});
const probe = new StallProbe();
const client = new ApiClient(config);
const controller = new Controller({ client, settings, clock: systemClock, log: silentLogger });
await controller.start();
tell('ready');
process.on('message', (what) => tell('asked', what === 'collect'));

/** After a collection of garbage, which is not counted. */
function tell(kind: ControllerReport['kind'], collects = false): void {
  const stall = probe.take();
  const { user, system } = process.cpuUsage();
  if (collects) globalThis.gc?.();
  process.send?.({
    kind,
    grpcPort: controller.ports.grpc,
    ms: performance.now(),
    stall,
    cpuMs: (user + system) / 1_000,
    rssMiB: process.memoryUsage.rss() / 2 ** 20,
    peakRssMiB: process.resourceUsage().maxRSS / 2 ** 10,
    heapMiB: process.memoryUsage().heapUsed / 2 ** 20,
  } satisfies ControllerReport);
  // What follows has not been held up by the collection that was asked for.
  probe.take();
}
