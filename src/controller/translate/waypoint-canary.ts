// The second waypoint of a service, which takes a share of its new connections (features section 0.6). One that
// cannot be used leaves everything with the first.

import type { GatewayAddress } from '../../mesh/workload.ts';
import { type KubernetesObject, objectKey } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import { asksItself, attachTo, type BindingRefusal, type Waypoint } from './waypoints.ts';

const canaryLabel = 'istio.io/use-waypoint-canary';
const canaryNamespaceLabel = 'istio.io/use-waypoint-canary-namespace';
const weightAnnotation = 'istio.io/use-waypoint-canary-weight';

export type Canary =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'bound';
      readonly waypoint: Waypoint;
      readonly address: GatewayAddress;
      /** Of 100 new connections. */
      readonly weight: number;
    }
  | {
      readonly kind: 'refused';
      readonly reason: BindingRefusal | 'CanaryInvalidWeight' | 'CanarySameAsPrimary';
      readonly message: string;
    };

export interface CanarySources {
  readonly objects: ObjectSource;
  readonly waypoints: ReadonlyMap<string, Waypoint>;
}

/** The canary of a service whose first waypoint is known. A namespace's counts only where the first waypoint is the
 * namespace's too. */
export function canaryOf(
  object: KubernetesObject,
  primary: Waypoint,
  { objects, waypoints }: CanarySources,
): Canary {
  const { namespace = '' } = object.metadata;
  const levels = asksItself(object)
    ? [object]
    : [object, objects.get('Namespace', undefined, namespace)];
  const labels = levels.find((one) => one?.metadata.labels?.[canaryLabel] !== undefined)?.metadata
    .labels;
  const name = labels?.[canaryLabel] ?? '';
  if (name === '' || name === 'none') return { kind: 'none' };
  const asked = { namespace: labels?.[canaryNamespaceLabel] ?? namespace, name };
  const key = objectKey(asked.namespace, name);
  if (key === objectKey(primary.namespace, primary.name)) {
    const message = `the canary ${key} is the first waypoint itself`;
    return { kind: 'refused', reason: 'CanarySameAsPrimary', message };
  }
  const written = levels
    .map((one) => one?.metadata.annotations?.[weightAnnotation])
    .find((one) => one !== undefined);
  const weight = parseWeight(written ?? '0');
  if (weight === undefined) {
    const message = `annotation ${weightAnnotation} is "${written}"; write a whole number from 0 to 100`;
    return { kind: 'refused', reason: 'CanaryInvalidWeight', message };
  }
  const binding = attachTo(asked, namespace, 'service', objects, waypoints);
  return binding.kind === 'bound' ? { ...binding, weight } : binding;
}

function parseWeight(text: string): number | undefined {
  const weight = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  return weight >= 0 && weight <= 100 ? weight : undefined;
}
