// Whether a pod belongs into the mesh, and why (protocol section 1.10, Istio's default selectors).
// Pure.

import { hasEnded, type NamespaceLabels, type PodFacts } from './pod-facts.ts';

/** A verdict with its reason, as a sentence part. */
export interface EnrolmentDecision {
  readonly enrol: boolean;
  readonly reason: string;
}

const modeLabel = 'istio.io/dataplane-mode';
const sidecarAnnotation = 'sidecar.istio.io/status';

/** Decides about one pod. The pod's own label beats that of its namespace.
 * @param labels of the pod's namespace
 * @param excluded namespaces whose pods stay outside whatever their labels say */
export function shouldEnrol(
  pod: PodFacts,
  labels: NamespaceLabels,
  excluded: ReadonlySet<string>,
): EnrolmentDecision {
  const no = (reason: string): EnrolmentDecision => ({ enrol: false, reason });
  if (pod.hostNetwork) return no('the pod uses the network of its node');
  if (excluded.has(pod.namespace)) return no(`namespace ${pod.namespace} is excluded`);
  if (pod.annotations.has(sidecarAnnotation)) {
    return no(`the pod has a sidecar (annotation ${sidecarAnnotation})`);
  }
  if (hasEnded(pod)) return no(`the pod has ended (${pod.phase})`);
  const ownMode = pod.labels.get(modeLabel);
  if (ownMode === 'ambient') return { enrol: true, reason: `pod label ${modeLabel}=ambient` };
  if (ownMode === 'none') return no(`pod label ${modeLabel}=none`);
  if (labels.get(modeLabel) === 'ambient') {
    return { enrol: true, reason: `namespace label ${modeLabel}=ambient` };
  }
  return no(`neither the pod nor its namespace has the label ${modeLabel}=ambient`);
}
