// What is known about one container of a pod, and how a container status tells it. Pure.

import type { Container, ContainerStateJson, ContainerStatus, Terminated } from './pod-types.ts';

/** Where a container is in its life. Times are milliseconds since the Unix epoch. */
export type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message?: string }
  | {
      readonly kind: 'running';
      readonly pid: number;
      readonly startedMs: number;
      /** The startup probe has passed, or there is none. */
      readonly started: boolean;
      readonly ready: boolean;
    }
  | {
      readonly kind: 'terminated';
      readonly pid?: number;
      readonly exitCode: number;
      readonly signal?: number;
      readonly reason: string;
      readonly message?: string;
      readonly startedMs?: number;
      readonly finishedMs: number;
    };

export interface ContainerFacts {
  readonly container: Container;
  readonly state: ContainerState;
  /** The run before. */
  readonly last?: ContainerState;
  readonly restartCount: number;
  /** It will not run again. */
  readonly done: boolean;
}

/** Kubernetes' timestamps have whole seconds. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The container's identity as a status tells it: the process id on this machine. */
function containerId(pid: number): string {
  return `ambit://${pid}`;
}

/** One entry of `containerStatuses`. */
export function containerStatus(facts: ContainerFacts, init: boolean): ContainerStatus {
  const { container, state, last, restartCount } = facts;
  const pid = pidOf(state) ?? (last === undefined ? undefined : pidOf(last));
  const finished = state.kind === 'terminated' && state.exitCode === 0;
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ...(pid === undefined ? {} : { containerID: containerId(pid) }),
    ready: state.kind === 'running' ? state.ready : init && finished,
    started: state.kind === 'running' && state.started,
    restartCount,
    state: stateJson(state),
    lastState: last === undefined ? {} : stateJson(last),
  };
}

function pidOf(state: ContainerState): number | undefined {
  return state.kind === 'waiting' ? undefined : state.pid;
}

function stateJson(state: ContainerState): ContainerStateJson {
  switch (state.kind) {
    case 'waiting':
      return { waiting: { reason: state.reason, ...optional('message', state.message) } };
    case 'running':
      return { running: { startedAt: timestamp(state.startedMs) } };
    case 'terminated':
      return { terminated: terminatedJson(state) };
  }
}

function terminatedJson(state: ContainerState & { kind: 'terminated' }): Terminated {
  return {
    exitCode: state.exitCode,
    ...optional('signal', state.signal),
    reason: state.reason,
    ...optional('message', state.message),
    ...(state.startedMs === undefined ? {} : { startedAt: timestamp(state.startedMs) }),
    finishedAt: timestamp(state.finishedMs),
    ...(state.pid === undefined ? {} : { containerID: containerId(state.pid) }),
  };
}

function optional<Name extends string, T>(
  name: Name,
  value: T | undefined,
): { [Key in Name]?: T } | object {
  return value === undefined ? {} : { [name]: value };
}

/** What becomes of a container whose process ended with an earlier supervisor. `stays` says that it must
 * not run again: its pod is complete, or is never restarted. */
export function factsFromStatus(
  container: Container,
  status: ContainerStatus | undefined,
  stays: boolean,
  nowMs: number,
): ContainerFacts {
  const waiting: ContainerState = { kind: 'waiting', reason: 'ContainerCreating' };
  const restartCount = status?.restartCount ?? 0;
  const ended = status === undefined ? undefined : endedState(status, nowMs);
  if (ended === undefined) return { container, state: waiting, restartCount, done: false };
  if (stays) return { container, state: ended, restartCount, done: true };
  return {
    container,
    state: waiting,
    last: ended,
    restartCount: restartCount + 1,
    done: false,
  };
}

/** The end of its last run; undefined when it never ran. */
function endedState({ state }: ContainerStatus, nowMs: number): ContainerState | undefined {
  const { running, terminated } = state;
  if (running !== undefined) {
    return {
      kind: 'terminated',
      exitCode: 137,
      reason: 'Unknown',
      message: 'the mesh was restarted',
      startedMs: Date.parse(running.startedAt),
      finishedMs: nowMs,
    };
  }
  if (terminated === undefined) return undefined;
  const { exitCode, reason, signal, startedAt, finishedAt } = terminated;
  return {
    kind: 'terminated',
    exitCode,
    reason,
    ...(signal === undefined ? {} : { signal }),
    ...(startedAt === undefined ? {} : { startedMs: Date.parse(startedAt) }),
    finishedMs: finishedAt === undefined ? nowMs : Date.parse(finishedAt),
  };
}
