// Where the endpoints of a service are preferred: near the client, if its author says so (protocol
// section 4.7).

import type { LoadBalancing, Scope } from '../../mesh/service.ts';
import type { Namespace } from '../kinds/core.ts';
import type { KubernetesObject } from '../kinds/object.ts';

const distributionAnnotation = 'networking.istio.io/traffic-distribution';

const sameZone: readonly Scope[] = ['network', 'region', 'zone'];
const sameNode: readonly Scope[] = ['network', 'region', 'zone', 'subzone', 'node'];

/** The preference of a service; undefined for none. `word` is what its spec says, which goes before its
 * annotation, and that before its namespace's. */
export function preferenceOf(
  word: string | undefined,
  object: KubernetesObject,
  namespace: Namespace | undefined,
): readonly Scope[] | undefined {
  const fromSpec = preferenceNamed(word ?? '');
  if (fromSpec !== undefined) return fromSpec;
  const own = object.metadata.annotations?.[distributionAnnotation];
  // An unknown word on the service itself means "no preference" and ends the search.
  if (own !== undefined && own !== '') return preferenceNamed(own);
  return preferenceNamed(namespace?.metadata.annotations?.[distributionAnnotation] ?? '');
}

/** Endpoints of the preferred place, others where there are none there. */
export function failover(
  routingPreference: readonly Scope[],
  healthPolicy: LoadBalancing['healthPolicy'],
): LoadBalancing {
  return { mode: 'failover', routingPreference, healthPolicy };
}

function preferenceNamed(word: string): readonly Scope[] | undefined {
  switch (word.toLowerCase()) {
    case 'preferclose':
    case 'prefersamezone':
      return sameZone;
    case 'prefersamenode':
      return sameNode;
    default:
      return undefined;
  }
}
