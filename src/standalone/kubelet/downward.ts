// What a pod may learn about itself: fieldRef and resourceFieldRef values. Pure.
// Follows https://kubernetes.io/docs/concepts/workloads/pods/downward-api/

import type { Container, Pod } from './pod-types.ts';
import { parseQuantity } from './quantity.ts';

/** What is known about a pod beside its object, once its sandbox exists. */
export interface PodPlace {
  readonly hostIps: readonly string[];
  /** Empty until the sandbox has addresses. */
  readonly podIps: readonly string[];
  /** What a container without limits may use. */
  readonly allocatable: { readonly cpu: number; readonly memory: number };
}

/** The value, or a sentence part saying why there is none. */
export type FieldValue = { readonly value: string } | { readonly problem: string };

/** The value of a `fieldRef`. */
export function fieldValue(pod: Pod, place: PodPlace, fieldPath: string): FieldValue {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (keyed !== null) {
    const table = keyed[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
    return { value: table?.[keyed[2] ?? ''] ?? '' };
  }
  const value = plainFieldValue(pod, place, fieldPath);
  if (value !== undefined) return { value };
  return { problem: `${fieldPath} is not a field that a pod can refer to` };
}

function plainFieldValue(pod: Pod, place: PodPlace, fieldPath: string): string | undefined {
  switch (fieldPath) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace;
    case 'metadata.uid':
      return pod.metadata.uid;
    case 'metadata.labels':
      return listed(pod.metadata.labels);
    case 'metadata.annotations':
      return listed(pod.metadata.annotations);
    case 'spec.nodeName':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
      return place.hostIps[0] ?? '';
    case 'status.hostIPs':
      return place.hostIps.join(',');
    case 'status.podIP':
      return place.podIps[0] ?? '';
    case 'status.podIPs':
      return place.podIps.join(',');
    default:
      return undefined;
  }
}

/** As a downward volume shows labels: one `key="value"` per line, sorted. */
function listed(table: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(table ?? {})
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** The value of a `resourceFieldRef`: whole units of the divisor, rounded up. */
export function resourceValue(
  container: Container,
  place: PodPlace,
  reference: { readonly resource: string; readonly divisor?: string },
): FieldValue {
  const match = /^(limits|requests)\.([a-z-]+)$/.exec(reference.resource);
  const table = match?.[1] === 'limits' ? 'limits' : 'requests';
  const resource = match?.[2] ?? '';
  const given = container.resources?.[table]?.[resource];
  const quantity =
    given === undefined ? fallback(place, table, resource) : parseQuantity(`${given}`);
  if (match === null || quantity === undefined) {
    return { problem: `${reference.resource} is not a resource that a pod can refer to` };
  }
  const divisor = parseQuantity(reference.divisor ?? '1') ?? 0;
  return { value: String(Math.ceil(quantity / (divisor > 0 ? divisor : 1))) };
}

function fallback(place: PodPlace, table: string, resource: string): number | undefined {
  if (resource !== 'cpu' && resource !== 'memory') return resource === '' ? undefined : 0;
  return table === 'limits' ? place.allocatable[resource] : 0;
}
