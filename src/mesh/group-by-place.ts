// Which endpoints are near to whom: groups in the order in which they are preferred, or with the share of
// requests that each is to have (features section 1.2.2).

import type { LocalityBalancing } from './destination.ts';
import type { Scope } from './service.ts';
import type { Locality, Workload } from './workload.ts';

/** A workload with its labels. */
export interface Placed {
  readonly workload: Workload;
  readonly labels: Readonly<Record<string, string>>;
}

/** Endpoints, by their index, that are alike in place. */
export interface PlaceGroup {
  /** For people: what the place is. */
  readonly name: string;
  readonly members: readonly number[];
  /** The share of requests in relation to the others; 1 where groups are in order. */
  readonly weight: number;
}

/** Groups; `priority`: the first takes all that it can; `weight`: each takes its share. */
export interface PlaceGroups {
  readonly by: 'priority' | 'weight';
  readonly groups: readonly PlaceGroup[];
}

/** What says how places count. */
export interface PlaceRules {
  readonly locality?: LocalityBalancing;
  /** Of the Service itself, where no locality is given; the order of its scopes. */
  readonly preference?: readonly Scope[];
}

/** Groups the endpoints as seen from `own`; all are one group where place does not count. */
export function groupByPlace(
  endpoints: readonly Placed[],
  own: Placed | undefined,
  { locality, preference = [] }: PlaceRules,
): PlaceGroups {
  if (own !== undefined && locality !== undefined) {
    if (locality.distribute !== undefined) return distributed(endpoints, own, locality.distribute);
    const { failoverPriority } = locality;
    return failoverPriority === undefined
      ? byDistance(endpoints, own.workload.locality, locality.failover ?? [])
      : byLabels(endpoints, own, failoverPriority);
  }
  if (own !== undefined && preference.length > 0) return byScopes(endpoints, own, preference);
  return whole(endpoints);
}

function whole(endpoints: readonly Placed[]): PlaceGroups {
  return { by: 'priority', groups: [{ name: 'all', members: [...endpoints.keys()], weight: 1 }] };
}

/** Whether a place lies within a pattern, whose tail may be `*` or be missing. */
export function isWithin({ region, zone, subzone }: Locality, pattern: string): boolean {
  const parts = [region, zone, subzone];
  for (const [index, wanted] of pattern.split('/').entries()) {
    if (wanted === '*') return true;
    if (wanted !== (parts[index] ?? '')) return false;
  }
  return true;
}

/** Endpoints outside of all places that are named get nothing. Each belongs to the pattern that says most
 * about it. */
function distributed(
  endpoints: readonly Placed[],
  own: Placed,
  distribute: NonNullable<LocalityBalancing['distribute']>,
): PlaceGroups {
  const rule = distribute.find(({ from }) => isWithin(own.workload.locality, from));
  if (rule === undefined) return whole(endpoints);
  const patterns = Object.entries(rule.to).sort(
    ([one], [other]) => precision(other) - precision(one),
  );
  const members = new Map<string, number[]>();
  for (const [index, { workload }] of endpoints.entries()) {
    const found = patterns.find(([pattern]) => isWithin(workload.locality, pattern));
    if (found === undefined) continue;
    const group = members.get(found[0]) ?? [];
    members.set(found[0], group);
    group.push(index);
  }
  const groups = [...members].map(([name, indexes]) => ({
    name,
    members: indexes,
    weight: rule.to[name] ?? 0,
  }));
  return { by: 'weight', groups };
}

function precision(pattern: string): number {
  return pattern.split('/').filter((part) => part !== '*').length;
}

const distances = [
  'its subzone',
  'its zone',
  'its region',
  'another region',
  'a region that is not named to take over',
];

function byDistance(
  endpoints: readonly Placed[],
  own: Locality,
  failover: NonNullable<LocalityBalancing['failover']>,
): PlaceGroups {
  const takesOver = failover.find(({ from }) => from === own.region)?.to;
  return ordered(
    endpoints,
    ({ workload: { locality } }) => {
      if (locality.region !== own.region) {
        return takesOver === undefined || takesOver === locality.region ? 3 : 4;
      }
      if (locality.zone !== own.zone) return 2;
      return locality.subzone === own.subzone ? 0 : 1;
    },
    (distance) => distances[distance] ?? '',
  );
}

function byLabels(endpoints: readonly Placed[], own: Placed, keys: readonly string[]): PlaceGroups {
  const wanted = keys.map((key) => {
    const mark = key.indexOf('=');
    if (mark !== -1) return { name: key.slice(0, mark), value: key.slice(mark + 1) };
    return { name: key, value: labelOf(own, key) };
  });
  const missing = (endpoint: Placed): number => {
    const miss = wanted.findIndex(({ name, value }) => labelOf(endpoint, name) !== value);
    return miss === -1 ? 0 : wanted.length - miss;
  };
  return ordered(endpoints, missing, (count) => agreement(keys, count));
}

function agreement(keys: readonly string[], missing: number): string {
  const agreed = keys.slice(0, keys.length - missing);
  return agreed.length === 0 ? 'no label in common' : `the same ${agreed.join(', ')}`;
}

/** A label, or what is known of the place under the label that nodes have for it. */
function labelOf({ workload, labels }: Placed, name: string): string {
  switch (name) {
    case 'topology.kubernetes.io/region':
      return workload.locality.region;
    case 'topology.kubernetes.io/zone':
      return workload.locality.zone;
    case 'topology.istio.io/subzone':
      return workload.locality.subzone;
    case 'kubernetes.io/hostname':
      return workload.node;
    case 'topology.istio.io/network':
      return workload.network;
    case 'topology.istio.io/cluster':
      return workload.clusterId;
    default:
      return labels[name] ?? '';
  }
}

/** As many leading scopes as are shared. */
function byScopes(
  endpoints: readonly Placed[],
  { workload: own }: Placed,
  scopes: readonly Scope[],
): PlaceGroups {
  const missing = ({ workload }: Placed): number => {
    const miss = scopes.findIndex((scope) => inScope(workload, scope) !== inScope(own, scope));
    return miss === -1 ? 0 : scopes.length - miss;
  };
  return ordered(endpoints, missing, (count) => agreement(scopes, count));
}

function inScope(workload: Workload, scope: Scope): string {
  switch (scope) {
    case 'network':
      return workload.network;
    case 'cluster':
      return workload.clusterId;
    case 'node':
      return workload.node;
    case 'region':
    case 'zone':
    case 'subzone':
      return workload.locality[scope];
  }
}

function ordered(
  endpoints: readonly Placed[],
  rankOf: (endpoint: Placed) => number,
  nameOf: (rank: number) => string,
): PlaceGroups {
  const ranks = new Map<number, number[]>();
  for (const [index, endpoint] of endpoints.entries()) {
    const rank = rankOf(endpoint);
    const members = ranks.get(rank) ?? [];
    ranks.set(rank, members);
    members.push(index);
  }
  const groups = [...ranks]
    .sort(([one], [other]) => one - other)
    .map(([rank, members]) => ({ name: nameOf(rank), members, weight: 1 }));
  return { by: 'priority', groups };
}
