// Which template a ReplicaSet is of, and its revision: what "kubectl rollout history" and "undo" read.

import { jsonEqual } from '../api/json.ts';
import { limitsOf } from './rollout-limits.ts';
import { hashTemplate } from './template-hash.ts';
import type { Deployment, PodTemplate, ReplicaSet } from './workload-objects.ts';
import { ownedBy } from './workload-objects.ts';

/** Tells the pods of one template from those of another. */
const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
/** Annotations of a deployment that say nothing about its revision. */
const ownAnnotations: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

/** Whether a ReplicaSet was made of this template. */
export function isOfTemplate(replicaSet: ReplicaSet, template: PodTemplate | undefined): boolean {
  return jsonEqual(plain(replicaSet.spec?.template), plain(template));
}

/** The template without what the deployment itself adds to it. */
function plain(template: PodTemplate | undefined): unknown {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  const { annotations } = template?.metadata ?? {};
  return { labels, annotations: annotations ?? {}, spec: template?.spec };
}

/** 0 when it has none. */
export function revisionOf(replicaSet: ReplicaSet): number {
  const revision = Number(replicaSet.metadata.annotations?.[revisionAnnotation] ?? 0);
  return Number.isInteger(revision) ? revision : 0;
}

/** The ReplicaSet of a deployment's template, `replicas` in size. */
export function newReplicaSet(
  deployment: Deployment,
  options: { readonly replicas: number; readonly revision: number },
): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec ?? {};
  const hash = hashTemplate(template, deployment.status?.collisionCount);
  const labels = { ...template?.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: { ...copiedAnnotations(deployment), ...annotationsFor(deployment, options) },
      ownerReferences: [ownedBy(deployment)],
    },
    spec: {
      replicas: options.replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}

/** The annotations that the ReplicaSet of the current template should have. When an earlier template
 * comes back, its ReplicaSet becomes the newest revision and remembers the ones it had. */
export function currentAnnotations(
  deployment: Deployment,
  current: ReplicaSet,
  revision: number,
): Record<string, string> {
  const before = revisionOf(current);
  const history = current.metadata.annotations?.[historyAnnotation];
  const renewed = before !== 0 && before !== revision;
  const past = [...(history === undefined ? [] : [history]), String(before)].join(',');
  return {
    ...copiedAnnotations(deployment),
    ...annotationsFor(deployment, { revision }),
    ...(renewed ? { [historyAnnotation]: past } : {}),
  };
}

/** What every ReplicaSet of the deployment is told about its size. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const desired = deployment.spec?.replicas ?? 1;
  return {
    [desiredAnnotation]: String(desired),
    [maxAnnotation]: String(desired + limitsOf(deployment).surge),
  };
}

function annotationsFor(
  deployment: Deployment,
  { revision }: { readonly revision: number },
): Record<string, string> {
  return { [revisionAnnotation]: String(revision), ...sizeAnnotations(deployment) };
}

function copiedAnnotations(deployment: Deployment): Record<string, string> {
  const own = Object.entries(deployment.metadata.annotations ?? {});
  return Object.fromEntries(own.filter(([name]) => !ownAnnotations.has(name)));
}
