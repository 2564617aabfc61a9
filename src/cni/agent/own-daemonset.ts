// What the API server says of the DaemonSet that the agent belongs to, asked when the agent ends.

import { AppsV1Api, type KubeConfig } from '@kubernetes/client-node';
import { causeChain } from '../../runtime/errors.ts';
import type { OwnSet } from '../install/exit-decision.ts';

/** Its name, which is Istio's, so that tools and selectors find it. */
export const daemonSetName = 'istio-cni-node';

/** Asks once. Never fails: no answer is one too. */
export async function askOwnSet(
  config: KubeConfig,
  namespace: string,
  deadlineMs: number,
): Promise<OwnSet> {
  const late = Promise.withResolvers<OwnSet>();
  const timer = setTimeout(() => {
    late.resolve({ kind: 'unknown', words: `no answer within ${deadlineMs} ms` });
  }, deadlineMs);
  try {
    return await Promise.race([ask(config, namespace), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function ask(config: KubeConfig, namespace: string): Promise<OwnSet> {
  try {
    const api = config.makeApiClient(AppsV1Api);
    const set = await api.readNamespacedDaemonSet({ name: daemonSetName, namespace });
    return {
      kind: 'found',
      deleting: set.metadata?.deletionTimestamp !== undefined,
      nodeSelector: set.spec?.template.spec?.nodeSelector ?? {},
    };
  } catch (error) {
    const status: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (status === 404 || status === 401) return { kind: 'gone', words: `status ${status}` };
    const words = typeof status === 'number' ? `status ${status}` : causeChain(error).slice(0, 200);
    return { kind: 'unknown', words };
  }
}
