// A node proxy's side of the measurement, in a process of its own: subscribes, and tells its parent what the
// first load cost and whenever a named workload has changed.

import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { Subscription } from '../../src/dataplane/subscription.ts';
import type { ControllerAccess } from '../../src/dataplane/subscription-channel.ts';
import { subscribedKind } from '../../src/dataplane/subscription-kind.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { decodeAddress } from '../../src/wire/address.ts';
import { decodeAuthorization } from '../../src/wire/authorization.ts';
import { typeUrls } from '../../src/wire/xds.ts';
import { type Stall, StallProbe } from './stall-probe.ts';

/** What the parent is told. */
export type ProxyReport =
  | {
      readonly kind: 'loaded';
      readonly ms: number;
      readonly stall: Stall;
      readonly rssMiB: number;
      readonly workloads: number;
      readonly services: number;
    }
  | { readonly kind: 'changed'; readonly status: string };

const [access, watched] = JSON.parse(process.argv[2] ?? '') as [ControllerAccess, string];
const state = new MeshState();
const probe = new StallProbe();
const start = performance.now();
const subscription = new Subscription({
  ...access,
  node: {
    id: 'ztunnel~10.0.0.1~bench.istio-system~istio-system.svc.cluster.local',
    metadata: { NAME: 'bench', NAMESPACE: 'istio-system', NODE_NAME: 'n1' },
  },
  kinds: [
    subscribedKind({
      typeUrl: typeUrls.address,
      decode: (_name, bytes) => decodeAddress(bytes),
      apply: (batch, turns) => state.loadAddresses(batch, turns),
    }),
    subscribedKind({
      typeUrl: typeUrls.authorization,
      decode: (_name, bytes) => decodeAuthorization(bytes),
      apply: (batch) => state.applyAuthorizations(batch),
    }),
  ],
  clock: systemClock,
  log: silentLogger,
});
subscription.start();
await subscription.ready;
const ms = performance.now() - start;
const stall = probe.take();
probe.stop();
tell({
  kind: 'loaded',
  ms,
  stall,
  rssMiB: process.memoryUsage.rss() / 2 ** 20,
  workloads: [...state.workloads()].length,
  services: [...state.services()].length,
});
let before = state.workloadByUid(watched);
state.subscribe(() => {
  const now = state.workloadByUid(watched);
  if (now !== before && now !== undefined) tell({ kind: 'changed', status: now.status });
  before = now;
});
process.on('disconnect', () => void subscription[Symbol.asyncDispose]());

function tell(report: ProxyReport): void {
  process.send?.(report);
}
