// Probe results, restarts, scheduling, and the status that tells them.

import * as assert from 'uvu/assert';
import { chooseNode } from '../../../src/standalone/kubelet/choose-node.ts';
import {
  type ContainerFacts,
  type ContainerState,
  factsFromStatus,
} from '../../../src/standalone/kubelet/container-state.ts';
import { podStatus } from '../../../src/standalone/kubelet/pod-status.ts';
import type { Pod, PodSpec } from '../../../src/standalone/kubelet/pod-types.ts';
import {
  afterProbe,
  initialProbeState,
  probeTiming,
} from '../../../src/standalone/kubelet/probe-state.ts';
import {
  decideRestart,
  noRestarts,
  type RestartHistory,
} from '../../../src/standalone/kubelet/restart.ts';
import { suite } from '../../support/suite.ts';
import { main, pod } from './pod-builder.ts';

const test = suite('decisions about a pod');

const running: ContainerState = {
  kind: 'running',
  pid: 7,
  startedMs: 0,
  started: true,
  ready: true,
};
const waiting: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
function ended(exitCode: number): ContainerState {
  return { kind: 'terminated', pid: 7, exitCode, reason: 'x', startedMs: 0, finishedMs: 1000 };
}

function facts(
  owner: Pod,
  state: ContainerState,
  more: Partial<ContainerFacts> = {},
): ContainerFacts {
  return { container: main(owner), state, restartCount: 0, done: false, ...more };
}

function statusOf(
  owner: Pod,
  containers: readonly ContainerFacts[],
  init: readonly ContainerFacts[] = [],
): ReturnType<typeof podStatus> {
  return podStatus({
    pod: owner,
    hostIps: ['172.30.0.11'],
    podIps: ['10.244.1.2', 'fd00::2'],
    startMs: 0,
    sandboxReady: true,
    init,
    containers,
    nowMs: 5_000,
  });
}

function condition(status: ReturnType<typeof podStatus>, type: string): string | undefined {
  return status.conditions?.find((one) => one.type === type)?.status;
}

test('a verdict needs as many results in a row as its threshold', () => {
  const timing = probeTiming({ successThreshold: 2, failureThreshold: 3 });
  const results = [true, false, true, true, false, false, true, false, false, false, true];
  const verdicts: string[] = [];
  let state = initialProbeState;
  for (const result of results) {
    state = afterProbe(state, result, timing);
    verdicts.push(state.verdict);
  }
  assert.equal(verdicts, [
    'unknown',
    'unknown',
    'unknown',
    'passing',
    'passing',
    'passing',
    'passing',
    'passing',
    'passing',
    'failing',
    'failing',
  ]);
});

test('probe numbers default as Kubernetes has them', () => {
  assert.equal(probeTiming({}), {
    initialDelayMs: 0,
    timeoutMs: 1000,
    periodMs: 10_000,
    successThreshold: 1,
    failureThreshold: 3,
  });
});

test('restarts at once, then after 10 s doubling to 5 minutes, anew after a long run', () => {
  const delays: number[] = [];
  let history: RestartHistory = noRestarts;
  for (let count = 0; count < 8; count++) {
    const decision = decideRestart('Always', 1, 100, history);
    if (decision.kind === 'stay') break;
    delays.push(decision.delayMs / 1000);
    history = decision.history;
  }
  assert.equal(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  const anew = decideRestart('Always', 0, 600_000, history);
  assert.is(anew.kind === 'restart' && anew.delayMs, 0);
});

test('restarts as the policy says', () => {
  assert.is(decideRestart('Never', 1, 0, noRestarts).kind, 'stay');
  assert.is(decideRestart('OnFailure', 0, 0, noRestarts).kind, 'stay');
  assert.is(decideRestart('OnFailure', 1, 0, noRestarts).kind, 'restart');
  assert.is(decideRestart('Always', 0, 0, noRestarts).kind, 'restart');
});

test('the phase follows the containers and the restart policy', () => {
  const phase = (
    spec: Partial<PodSpec>,
    ...states: ContainerFacts['state'][]
  ): string | undefined => {
    const owner = pod({}, spec);
    const done = spec.restartPolicy !== undefined;
    const containers = states.map((state) =>
      facts(owner, state, { done: done && state.kind === 'terminated' }),
    );
    return statusOf(owner, containers).phase;
  };
  assert.is(phase({}, waiting, running), 'Pending');
  assert.is(phase({}, running, running), 'Running');
  assert.is(phase({}, ended(0)), 'Running');
  assert.is(phase({ restartPolicy: 'Never' }, ended(0), running), 'Running');
  assert.is(phase({ restartPolicy: 'Never' }, ended(0), ended(0)), 'Succeeded');
  assert.is(phase({ restartPolicy: 'Never' }, ended(0), ended(3)), 'Failed');
});

test('a container between two runs does not send its pod back to Pending', () => {
  const owner = pod();
  const crashing = facts(
    owner,
    { kind: 'waiting', reason: 'CrashLoopBackOff' },
    { last: ended(1) },
  );
  const status = statusOf(owner, [crashing]);
  assert.is(status.phase, 'Running');
  assert.is(condition(status, 'Ready'), 'False');
  assert.is(status.containerStatuses?.[0]?.state.waiting?.reason, 'CrashLoopBackOff');
  assert.is(status.containerStatuses?.[0]?.lastState.terminated?.exitCode, 1);
});

test('init containers hold the pod until they are done, and fail it for good', () => {
  const owner = pod();
  const before = statusOf(owner, [facts(owner, waiting)], [facts(owner, running)]);
  assert.is(before.phase, 'Pending');
  assert.is(condition(before, 'Initialized'), 'False');
  const after = statusOf(owner, [facts(owner, running)], [facts(owner, ended(0), { done: true })]);
  assert.is(condition(after, 'Initialized'), 'True');
  assert.is(condition(after, 'Ready'), 'True');
  const failed = statusOf(owner, [facts(owner, waiting)], [facts(owner, ended(1), { done: true })]);
  assert.is(failed.phase, 'Failed');
});

test('conditions keep the time of their last change, and those of others stay', () => {
  const owner: Pod = {
    ...pod(),
    status: {
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: 'then' },
        { type: 'ContainersReady', status: 'False', lastTransitionTime: 'then' },
        { type: 'example.com/gate', status: 'False' },
      ],
    },
  };
  const conditions = statusOf(owner, [facts(owner, running)]).conditions ?? [];
  const time = (type: string): string | undefined =>
    conditions.find((one) => one.type === type)?.lastTransitionTime;
  assert.is(time('Ready'), 'then');
  assert.is(time('ContainersReady'), '1970-01-01T00:00:05Z');
  assert.ok(conditions.some(({ type }) => type === 'example.com/gate'));
});

test('a readiness gate that is not true keeps the pod from being ready', () => {
  const owner = pod({}, { readinessGates: [{ conditionType: 'example.com/gate' }] });
  const status = statusOf(owner, [facts(owner, running)]);
  assert.is(condition(status, 'ContainersReady'), 'True');
  assert.is(condition(status, 'Ready'), 'False');
});

test('a container that ran under an earlier supervisor counts as restarted', () => {
  const owner = pod();
  const before = statusOf(owner, [facts(owner, running, { restartCount: 2 })]);
  const next = factsFromStatus(main(owner), before.containerStatuses?.[0], false, 9_000);
  assert.is(next.restartCount, 3);
  assert.is(next.last?.kind === 'terminated' && next.last.exitCode, 137);
});

test('a complete container keeps its end, and one that never restarts gets one', () => {
  const owner = pod({}, { restartPolicy: 'Never' });
  const resumed = (state: ContainerState): ReturnType<typeof podStatus> => {
    const before = statusOf(owner, [facts(owner, state, { done: true })]);
    const status = before.containerStatuses?.[0];
    return statusOf(owner, [factsFromStatus(main(owner), status, true, 9_000)]);
  };
  assert.is(resumed(ended(0)).phase, 'Succeeded');
  const cut = resumed(running);
  assert.is(cut.phase, 'Failed');
  assert.is(cut.containerStatuses?.[0]?.state.terminated?.exitCode, 137);
});

test('the scheduler spreads the pods of one owner, then all pods', () => {
  const nodes = ['node1', 'node2', 'node3'].map((name) => ({
    name,
    labels: { zone: name },
    unschedulable: name === 'node3',
  }));
  const owned = (nodeName: string | undefined, uid: string): Pod => {
    const made = pod({}, {});
    const ownerReferences = [{ apiVersion: 'v1', kind: 'R', name: 'r', uid, controller: true }];
    const { nodeName: _, ...spec } = made.spec;
    return {
      ...made,
      metadata: { ...made.metadata, ownerReferences },
      spec: nodeName === undefined ? spec : { ...spec, nodeName },
    };
  };
  const choose = (who: Pod, there: readonly Pod[]): string => {
    const choice = chooseNode(who, nodes, there);
    return choice.kind === 'chosen' ? choice.node : choice.problem;
  };
  const next = owned(undefined, 'a');
  assert.is(choose(next, []), 'node1');
  assert.is(choose(next, [owned('node1', 'a')]), 'node2');
  assert.is(choose(next, [owned('node1', 'b'), owned('node1', 'b'), owned('node2', 'a')]), 'node1');
  const picky = { ...next, spec: { ...next.spec, nodeSelector: { zone: 'node3' } } };
  assert.match(choose(picky, []), '2 do not match the node selector, 1 are cordoned');
});

test.run();
