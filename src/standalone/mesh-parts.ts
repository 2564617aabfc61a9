// The mesh's own parts in laptop mode: applied from the very manifests that a cluster gets, and awaited.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import type { AmbitError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import type { ApiObject, ObjectStore } from './api/store.ts';
import { asPod, type Pod } from './kubelet/pod-types.ts';
import { laptopForm } from './laptop-form.ts';
import { applyObjects } from './manifests/apply-objects.ts';
import { isManifestName, type ReadObject, readManifests } from './manifests/read-manifests.ts';

/** The namespace of the mesh's parts. */
export const meshNamespace = 'istio-system';

const folders = ['crds/istio', 'crds/gateway-api', 'controller', 'daemonset'];

/** The manifests below a repository's deploy folder. */
export function readMeshManifests(repository: string): ReadObject[] {
  return folders.flatMap((folder) => {
    const place = path.join(repository, 'deploy', folder);
    if (!existsSync(place)) return [];
    return readdirSync(place)
      .filter(isManifestName)
      .toSorted()
      .flatMap((name) => {
        const file = path.join(place, name);
        const read = readManifests(file, readFileSync(file, 'utf8'));
        if (read.problems[0] !== undefined) throw read.problems[0];
        return read.objects;
      });
  });
}

/** Applies the manifests. Kinds that laptop mode does not serve (permissions, webhooks) are skipped. */
export async function applyMeshParts(
  repository: string,
  store: ObjectStore,
  clock: Clock,
  log: Logger,
): Promise<readonly AmbitError[]> {
  const objects: ReadObject[] = [
    { object: namespace(meshNamespace), origin: 'ambit' },
    ...readMeshManifests(repository).map(({ object, origin }) => ({
      object: laptopForm(object),
      origin,
    })),
  ];
  const { problems, skipped } = await applyObjects(objects, {
    store,
    clock,
    fieldManager: 'ambit-mesh',
    unknownKinds: 'skip',
  });
  for (const kind of skipped) log.info({ kind }, 'skipped a kind that laptop mode does not serve');
  return problems;
}

function namespace(name: string): ApiObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** Which parts are not ready yet, as names with what they wait for; empty when all are. */
export function unreadyParts(store: ObjectStore): string[] {
  const pods = store.list('pods', { namespace: meshNamespace }).map(asPod);
  const wanted = ['apps/deployments', 'apps/daemonsets'].flatMap((kind) =>
    store.list(kind, { namespace: meshNamespace }),
  );
  return wanted.flatMap((owner) => {
    const labels = Object.entries(labelsOf(owner));
    const own = pods.filter(({ metadata }) =>
      labels.every(([key, value]) => metadata.labels?.[key] === value),
    );
    const missing = wantedCount(owner, store) - own.filter(isReady).length;
    return missing > 0 ? [`${owner.metadata.name}${whyNot(own)}`] : [];
  });
}

function labelsOf({ spec }: ApiObject): Readonly<Record<string, string>> {
  const selector = (spec as { selector?: { matchLabels?: Record<string, string> } }).selector;
  return selector?.matchLabels ?? {};
}

function wantedCount({ kind, spec }: ApiObject, store: ObjectStore): number {
  if (kind === 'DaemonSet') return store.list('nodes').length;
  return (spec as { replicas?: number }).replicas ?? 1;
}

function isReady({ status, metadata }: Pod): boolean {
  const ready = status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
  return ready === true && metadata.deletionTimestamp === undefined;
}

/** The first reason that a container of these pods gives. */
function whyNot(pods: readonly Pod[]): string {
  const statuses = pods.flatMap(({ status }) => status?.containerStatuses ?? []);
  const waiting = statuses.find(({ state }) => state.waiting?.message !== undefined);
  const { reason, message } = waiting?.state.waiting ?? {};
  return reason === undefined ? '' : ` (${reason}: ${message ?? ''})`;
}
