import * as assert from 'uvu/assert';
import { rankForRemoval } from '../../../src/standalone/controllers/rank-pods.ts';
import { rolloutLimits } from '../../../src/standalone/controllers/rollout-limits.ts';
import {
  firstSize,
  proportionalSteps,
  type Resize,
  rollingSteps,
} from '../../../src/standalone/controllers/rollout-steps.ts';
import { hashTemplate } from '../../../src/standalone/controllers/template-hash.ts';
import type {
  Deployment,
  Pod,
  ReplicaSet,
} from '../../../src/standalone/controllers/workload-objects.ts';
import { suite } from '../../support/suite.ts';

const test = suite('rollout steps');

function deployment(
  replicas: number,
  maxSurge: number | string,
  maxUnavailable: number | string,
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    },
  };
}

/** `wanted/available`. */
function set(name: string, wanted: number, available = wanted): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name },
    spec: { replicas: wanted },
    status: { replicas: wanted, availableReplicas: available },
  };
}

const show = (steps: readonly Resize[]): string[] =>
  steps.map(({ replicaSet, replicas }) => `${replicaSet.metadata.name}=${replicas}`);

test('shares are rounded up for surge and down for unavailability, and never both to nothing', () => {
  assert.equal(rolloutLimits(10, { maxSurge: '25%', maxUnavailable: '25%' }), {
    surge: 3,
    unavailable: 2,
  });
  assert.equal(rolloutLimits(1, undefined), { surge: 1, unavailable: 0 });
  assert.equal(rolloutLimits(1, { maxSurge: 0, maxUnavailable: '25%' }), {
    surge: 0,
    unavailable: 1,
  });
});

test('a new template starts within the surge', () => {
  assert.is(firstSize(deployment(4, 1, 0), [set('old', 4)]), 1);
  assert.is(firstSize(deployment(4, 0, 1), [set('old', 4)]), 0);
  assert.is(firstSize(deployment(4, 0, 1), []), 4);
});

test('the new one grows before the old ones shrink, and waits for availability', () => {
  const rollout = deployment(4, 1, 0);
  assert.equal(show(rollingSteps(rollout, set('new', 0), [set('old', 4)])), ['new=1']);
  assert.equal(show(rollingSteps(rollout, set('new', 1, 0), [set('old', 4)])), []);
  assert.equal(show(rollingSteps(rollout, set('new', 1, 1), [set('old', 4)])), ['old=3']);
  assert.equal(show(rollingSteps(rollout, set('new', 1, 1), [set('old', 3)])), ['new=2']);
});

test('unavailability lets the old one shrink first', () => {
  assert.equal(show(rollingSteps(deployment(4, 0, 2), set('new', 0), [set('old', 4)])), ['old=2']);
  assert.equal(show(rollingSteps(deployment(4, 0, 2), set('new', 0), [set('old', 2)])), ['new=2']);
});

test('old pods that do not work go first, and cost no availability', () => {
  const steps = rollingSteps(deployment(4, 1, 0), set('new', 1, 1), [
    set('sick', 2, 0),
    set('well', 2),
  ]);
  assert.equal(show(steps), ['sick=1']);
  const stuck = rollingSteps(deployment(4, '25%', '25%'), set('new', 2, 0), [set('old', 3)]);
  assert.equal(show(stuck), []);
});

test('a status from before the last scaling does not take more away', () => {
  const stale = set('old', 3, 4);
  assert.equal(show(rollingSteps(deployment(4, 1, 0), set('new', 1, 1), [stale])), ['new=2']);
  assert.equal(show(rollingSteps(deployment(4, 1, 0), set('new', 2, 1), [stale])), []);
});

test('a change of number during a rollout keeps the shares', () => {
  const generations = { current: set('new', 3), old: [set('old', 9)] };
  assert.equal(show(proportionalSteps(deployment(20, 4, 0), generations)), ['old=18', 'new=6']);
  assert.equal(show(proportionalSteps(deployment(0, 4, 0), generations)), ['old=0', 'new=0']);
});

test('the hash of a template does not depend on the order of its members', () => {
  assert.is(
    hashTemplate({ a: 1, b: [{ c: 2, d: 3 }] }),
    hashTemplate({ b: [{ d: 3, c: 2 }], a: 1 }),
  );
  assert.is.not(hashTemplate({ a: 1 }), hashTemplate({ a: 2 }));
  assert.is.not(hashTemplate({ a: 1 }), hashTemplate({ a: 1 }, 1));
});

test('pods without node, not ready, crowded or young are given up first', () => {
  const pod = (
    name: string,
    more: { node?: string; ready?: string; created?: string } = {},
  ): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, creationTimestamp: more.created ?? '2026-01-01T00:00:00Z' },
    spec: more.node === undefined ? {} : { nodeName: more.node },
    status: {
      phase: 'Running',
      conditions:
        more.ready === undefined
          ? []
          : [{ type: 'Ready', status: 'True', lastTransitionTime: more.ready }],
    },
  });
  const ready = '2026-01-01T00:01:00Z';
  const ranked = rankForRemoval([
    pod('alone', { node: 'b', ready }),
    pod('old', { node: 'a', ready }),
    pod('young', { node: 'a', ready, created: '2026-01-02T00:00:00Z' }),
    pod('unready', { node: 'b' }),
    pod('late', { node: 'a', ready: '2026-01-01T00:02:00Z' }),
    pod('nowhere'),
  ]);
  assert.equal(
    ranked.map(({ metadata }) => metadata.name),
    ['nowhere', 'unready', 'late', 'young', 'old', 'alone'],
  );
});

test.run();
