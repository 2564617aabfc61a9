// Asks many pods the same, some at a time.

import { AmbitError, causeChain } from '../runtime/errors.ts';
import { Permits } from '../runtime/permits.ts';
import type { ClusterObject } from './cluster.ts';

/** Pods asked at a time: each is a connection through the API server. */
const maxAtOnce = 16;

/** What a pod answered, or why it did not. */
export type PodReply<T> =
  | { readonly pod: ClusterObject; readonly kind: 'answer'; readonly answer: T }
  | { readonly pod: ClusterObject; readonly kind: 'none'; readonly error: unknown };

/** All replies, in the order of the pods. */
export async function askAll<T>(
  pods: readonly ClusterObject[],
  ask: (pod: ClusterObject) => Promise<T>,
): Promise<readonly PodReply<T>[]> {
  const permits = new Permits(maxAtOnce);
  return await Promise.all(
    pods.map(async (pod): Promise<PodReply<T>> => {
      using _permit = await permits.take();
      try {
        return { pod, kind: 'answer', answer: await ask(pod) };
      } catch (error) {
        return { pod, kind: 'none', error };
      }
    }),
  );
}

/** A line for each pod that did not answer. */
export function silences(replies: readonly PodReply<unknown>[]): readonly string[] {
  return replies.flatMap((reply) => {
    if (reply.kind === 'answer') return [];
    const { name, namespace } = reply.pod.metadata;
    const why = causeChain(reply.error);
    // A coded message names the pod already.
    return [
      reply.error instanceof AmbitError ? why : `${name}.${namespace} did not answer: ${why}`,
    ];
  });
}
