// What a mesh looks like from outside.

import type { ApiObject } from './api/store.ts';
import { ApiClient } from './api-client.ts';
import type { Pod } from './kubelet/pod-types.ts';
import { meshPaths } from './state-folder.ts';
import { isAlive, readRecord } from './supervisor-record.ts';

export interface PodLine {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly restarts: number;
  readonly address: string;
  /** Why it is not ready, if a container says so. */
  readonly reason?: string;
}

export type MeshStatus =
  | { readonly state: 'absent'; readonly mesh: string }
  | { readonly state: 'crashed'; readonly mesh: string; readonly folder: string }
  | {
      readonly state: 'starting' | 'running';
      readonly mesh: string;
      readonly pid: number;
      readonly startedAt: string;
      readonly server: string;
      readonly kubeconfig: string;
      readonly userNamespace: boolean;
      readonly nodes: readonly { readonly name: string; readonly ready: boolean }[];
      readonly pods: readonly PodLine[];
    };

/** Looks at a mesh. @throws AmbitError AMB1109 when it runs and does not answer */
export async function meshStatus(mesh: string, stateParent: string): Promise<MeshStatus> {
  const paths = meshPaths(stateParent, mesh);
  const record = readRecord(paths.record);
  if (record === undefined) return { state: 'absent', mesh };
  if (!isAlive(record)) return { state: 'crashed', mesh, folder: paths.folder };
  const client = new ApiClient(paths.kubeconfig);
  const nodes = await client.list<ApiObject>('/api/v1/nodes');
  const pods = await client.list<Pod>('/api/v1/pods');
  return {
    state: record.ready ? 'running' : 'starting',
    mesh,
    pid: record.pid,
    startedAt: record.startedAt,
    server: `https://127.0.0.1:${record.port}`,
    kubeconfig: paths.kubeconfig,
    userNamespace: record.userNamespace,
    nodes: nodes.map((node) => ({ name: node.metadata.name, ready: isReady(node) })),
    pods: pods.map(podLine),
  };
}

function podLine(pod: Pod): PodLine {
  const statuses = pod.status?.containerStatuses ?? [];
  const waiting = statuses.find(({ state }) => state.waiting !== undefined)?.state.waiting;
  const { name, namespace, deletionTimestamp } = pod.metadata;
  return {
    namespace,
    name,
    node: pod.spec.nodeName ?? '',
    phase: deletionTimestamp === undefined ? (pod.status?.phase ?? 'Pending') : 'Terminating',
    ready: isReady(pod),
    restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    address: pod.status?.podIP ?? '',
    ...(waiting === undefined ? {} : { reason: waiting.message ?? waiting.reason }),
  };
}

function isReady({ status }: { readonly status?: unknown }): boolean {
  const conditions = (status as { conditions?: { type: string; status: string }[] } | undefined)
    ?.conditions;
  return conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
}
