// What is worked out once for each version of a destination's endpoints, and when it is worked out anew.

import * as assert from 'uvu/assert';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import { noLabels } from '../../src/mesh/choose-backend.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { Arrivals } from '../../src/waypoint/balance/arrivals.ts';
import { Balancers } from '../../src/waypoint/balance/balancers.ts';
import { compileRegex } from '../../src/waypoint/regex.ts';
import { ServiceTable } from '../../src/waypoint/state/service-table.ts';
import { suite } from '../support/suite.ts';
import { serviceOf, servicePort, workloadAt } from './fixture.ts';
import { ManualClock } from './manual-clock.ts';

const test = suite('endpoints ready to be chosen');

const service = serviceOf('reviews');
const key = keyOfService(service);

function pod(name: string, changes: Partial<Workload> = {}): Workload {
  return workloadAt(name, {
    services: new Map([[key, [{ servicePort, targetPort: 80 }]]]),
    ...changes,
  });
}

function batch(workloads: readonly Workload[], removed: readonly string[] = []) {
  const updated = workloads.map((one) => [one.uid, { kind: 'workload', workload: one } as const]);
  return {
    updated: new Map(updated as [string, { kind: 'workload'; workload: Workload }][]),
    removed,
  };
}

function parts() {
  const mesh = new MeshState();
  const table = new ServiceTable({ compileRegex, log: silentLogger });
  mesh.applyAddresses(batch([pod('a'), pod('b')]));
  const clock = new ManualClock();
  const balancers = new Balancers({
    network: '',
    clock,
    own: () => undefined,
    arrivedAt: () => undefined,
  });
  const all = { service, port: servicePort, subset: '', labels: noLabels, balancer: undefined };
  return { mesh, table, balancers, all, view: { mesh, table } };
}

test('nothing is worked out again while nothing has changed', () => {
  const { balancers, all, view, mesh } = parts();
  const first = balancers.at(all, view);
  mesh.applyAddresses(batch([workloadAt('elsewhere')]));
  assert.is(balancers.at({ ...all }, view), first);
  assert.is(balancers.uids(all, view), balancers.uids({ ...all }, view));
});

test('endpoints that come, go and change are seen at once', () => {
  const { balancers, all, view, mesh } = parts();
  const seen = (): readonly string[] =>
    balancers.uids(all, view).map((uid) => uid.replace('Kubernetes//Pod/default/', ''));
  assert.equal(seen(), ['a', 'b']);
  mesh.applyAddresses(batch([pod('c')]));
  assert.equal(seen(), ['a', 'b', 'c']);
  mesh.applyAddresses(batch([], [pod('a').uid]));
  assert.equal(seen(), ['b', 'c']);
  const before = balancers.at(all, view);
  mesh.applyAddresses(batch([pod('b', { status: 'unhealthy' })]));
  assert.equal(seen(), ['b', 'c']);
  const now = balancers.at(all, view);
  assert.is(before.kind === 'some' && before.set.size, 2);
  assert.is(now.kind === 'some' && now.set.size, 1);
  mesh.applyAddresses(
    batch([pod('b', { services: new Map() }), pod('c', { services: new Map() })]),
  );
  assert.equal(seen(), []);
  assert.is(balancers.at(all, view).kind, 'none');
});

test('a subset follows the labels', () => {
  const { balancers, all, view, table } = parts();
  const subset = { ...all, subset: 'v1', labels: { version: 'v1' } };
  assert.equal(balancers.uids(subset, view), []);
  const { uid } = pod('b');
  table.applyLabels({ updated: new Map([[uid, { uid, labels: { version: 'v1' } }]]), removed: [] });
  assert.equal(balancers.uids(subset, view), [uid]);
});

test('who was there from the beginning is warm, who comes or becomes healthy later is not', () => {
  const clock = new ManualClock();
  const arrivals = new Arrivals(clock);
  const mesh = new MeshState();
  const apply = (...told: Parameters<typeof batch>): void => {
    arrivals.note(batch(...told), (uid) => mesh.workloadByUid(uid));
    mesh.applyAddresses(batch(...told));
  };
  const age = (name: string): number | undefined => {
    const since = arrivals.at(pod(name).uid);
    return since === undefined ? undefined : clock.monotonic() - since;
  };
  apply([pod('a'), pod('slow', { status: 'unhealthy' })]);
  clock.advance(1_000);
  apply([pod('b'), pod('a', { capacity: 2 })]);
  clock.advance(500);
  apply([pod('slow'), pod('b', { capacity: 2 })]);
  clock.advance(100);
  assert.equal([age('a'), age('b'), age('slow')], [undefined, 600, 100]);
  apply([], [pod('b').uid]);
  assert.is(age('b'), undefined);
});

test.run();
