// A pod's status from what is known about its containers. Pure.
// Follows https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/

import { type ContainerFacts, containerStatus, timestamp } from './container-state.ts';
import type { Pod, PodCondition, PodStatus } from './pod-types.ts';

export interface PodFacts {
  readonly pod: Pod;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** When the kubelet took the pod; milliseconds since the Unix epoch. */
  readonly startMs: number;
  readonly sandboxReady: boolean;
  readonly init: readonly ContainerFacts[];
  readonly containers: readonly ContainerFacts[];
  readonly nowMs: number;
}

type Phase = NonNullable<PodStatus['phase']>;

/** Conditions that are the kubelet's; those of others are kept as they are. */
const ownConditions = new Set([
  'PodScheduled',
  'PodReadyToStartContainers',
  'Initialized',
  'ContainersReady',
  'Ready',
]);

/** The status to write. */
export function podStatus(facts: PodFacts): PodStatus {
  const { pod, hostIps, podIps } = facts;
  const qosClass = pod.status?.qosClass;
  return {
    phase: phaseOf(facts),
    conditions: conditionsOf(facts),
    hostIP: hostIps[0] ?? '',
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...(podIps[0] === undefined ? {} : { podIP: podIps[0], podIPs: podIps.map((ip) => ({ ip })) }),
    startTime: timestamp(facts.startMs),
    ...(facts.init.length === 0
      ? {}
      : { initContainerStatuses: facts.init.map((one) => containerStatus(one, true)) }),
    containerStatuses: facts.containers.map((one) => containerStatus(one, false)),
    ...(qosClass === undefined ? {} : { qosClass }),
    ...(pod.metadata.generation === undefined
      ? {}
      : { observedGeneration: pod.metadata.generation }),
  };
}

function phaseOf({ pod, init, containers }: PodFacts): Phase {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const complete = containers.every(({ state, done }) => state.kind === 'terminated' && done);
  if (complete && policy !== 'Always') return containers.every(succeeded) ? 'Succeeded' : 'Failed';
  if (init.some((one) => one.done && !succeeded(one))) return 'Failed';
  if (!init.every(initFinished)) return 'Pending';
  const neverStarted = ({ state, last }: ContainerFacts): boolean =>
    state.kind === 'waiting' && last === undefined;
  return containers.some(neverStarted) ? 'Pending' : 'Running';
}

function succeeded({ state }: ContainerFacts): boolean {
  return state.kind === 'terminated' && state.exitCode === 0;
}

/** An init container is behind us when it succeeded, or runs beside the pod and has started. */
export function initFinished(facts: ContainerFacts): boolean {
  if (facts.container.restartPolicy === 'Always') {
    return facts.last !== undefined || (facts.state.kind === 'running' && facts.state.started);
  }
  return succeeded(facts);
}

function conditionsOf(facts: PodFacts): PodCondition[] {
  const { pod, containers, init } = facts;
  const phase = phaseOf(facts);
  const sidecars = init.filter(({ container }) => container.restartPolicy === 'Always');
  const notReady = [...sidecars, ...containers].filter(
    ({ state }) => state.kind !== 'running' || !state.ready,
  );
  const completed = phase === 'Succeeded' || phase === 'Failed';
  const containersReady = verdict(
    notReady.length === 0,
    completed ? 'PodCompleted' : 'ContainersNotReady',
    `containers with unready status: [${namesOf(notReady)}]`,
  );
  const openGates = (pod.spec.readinessGates ?? []).filter(
    ({ conditionType }) =>
      !pod.status?.conditions?.some(
        ({ type, status }) => type === conditionType && status === 'True',
      ),
  );
  const ready =
    containersReady.status === 'True' && openGates.length > 0
      ? verdict(false, 'ReadinessGatesNotReady', 'a readiness gate is not true')
      : containersReady;
  const unfinished = init.filter((one) => !initFinished(one));
  const own: Record<string, Verdict> = {
    PodReadyToStartContainers: verdict(facts.sandboxReady, undefined, undefined),
    Initialized: verdict(
      unfinished.length === 0,
      'ContainersNotInitialized',
      `containers with incomplete status: [${namesOf(unfinished)}]`,
    ),
    Ready: ready,
    ContainersReady: containersReady,
    PodScheduled: verdict(true, undefined, undefined),
  };
  const before = pod.status?.conditions ?? [];
  return [
    ...Object.entries(own).map(([type, one]) => transition(type, one, before, facts.nowMs)),
    ...before.filter(({ type }) => !ownConditions.has(type)),
  ];
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

function verdict(holds: boolean, reason: string | undefined, message: string | undefined): Verdict {
  if (holds) return { status: 'True' };
  return {
    status: 'False',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

function namesOf(containers: readonly ContainerFacts[]): string {
  return containers.map(({ container }) => container.name).join(' ');
}

/** The time of the last transition stays while the status does. */
function transition(
  type: string,
  { status, reason, message }: Verdict,
  before: readonly PodCondition[],
  nowMs: number,
): PodCondition {
  const previous = before.find((condition) => condition.type === type);
  const since = previous?.status === status ? previous.lastTransitionTime : undefined;
  return {
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    lastTransitionTime: since ?? timestamp(nowMs),
  };
}
