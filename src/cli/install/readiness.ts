// Whether what was applied is ready, and if not, why. Pure.

import { type KubernetesObject, titleOf } from './object.ts';

/** What of an object is read here. */
interface Observed {
  readonly metadata: { readonly generation?: number };
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
  };
}

/** What an object waits for, in words; undefined when it is ready. */
export function waitsFor(object: KubernetesObject | undefined): string | undefined {
  if (object === undefined) return 'it to be there';
  const { metadata, spec, status = {} } = object as unknown as Observed;
  switch (object.kind) {
    case 'CustomResourceDefinition': {
      const established = status.conditions?.find(({ type }) => type === 'Established');
      return established?.status === 'True' ? undefined : 'it to be established';
    }
    case 'Deployment': {
      const wanted = spec?.replicas ?? 1;
      if (isUnseen(metadata, status)) return 'its controller to see it';
      return counted(wanted, status.updatedReplicas, status.availableReplicas, status.replicas);
    }
    case 'DaemonSet': {
      if (isUnseen(metadata, status)) return 'its controller to see it';
      const wanted = status.desiredNumberScheduled ?? 0;
      return counted(wanted, status.updatedNumberScheduled, status.numberAvailable);
    }
    default:
      return undefined;
  }
}

function isUnseen(
  metadata: Observed['metadata'],
  status: NonNullable<Observed['status']>,
): boolean {
  return (status.observedGeneration ?? 0) < (metadata.generation ?? 1);
}

function counted(wanted: number, updated = 0, available = 0, all = updated): string | undefined {
  if (updated < wanted) return `${wanted - updated} of ${wanted} pods to be updated`;
  if (available < wanted) return `${wanted - available} of ${wanted} pods to be ready`;
  return all > updated ? `${all - updated} pods of the old version to end` : undefined;
}

/** What of a pod is read here. */
interface ObservedPod {
  readonly metadata: { readonly name: string };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly state?: {
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
      };
    }[];
  };
}

/** Why pods are not ready: what their containers wait for, or that no node takes them.
 * @param events messages about each pod, the newest last */
export function whyNotReady(
  pods: readonly KubernetesObject[],
  events: ReadonlyMap<string, string>,
): string[] {
  return pods.flatMap((pod) => {
    const { status = {} } = pod as unknown as ObservedPod;
    const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
    const reasons = (status.containerStatuses ?? []).flatMap(({ name, ready, state }) => {
      const { waiting, terminated } = state ?? {};
      if (waiting !== undefined)
        return [`${name} waits: ${waiting.reason} ${waiting.message ?? ''}`];
      if (terminated !== undefined) return [`${name} ended with ${terminated.exitCode}`];
      return ready ? [] : [`${name} runs and is not ready`];
    });
    if (scheduled?.status === 'False') reasons.push(`no node takes it: ${scheduled.message ?? ''}`);
    const event = events.get(pod.metadata.name);
    if (reasons.length > 0 && event !== undefined) reasons.push(`last event: ${event}`);
    return reasons.length === 0
      ? []
      : [`${titleOf(pod)}: ${reasons.join('; ').replaceAll(/\s+/g, ' ').trim()}`];
  });
}
