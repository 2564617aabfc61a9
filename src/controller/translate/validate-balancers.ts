// What makes the balancing of a destination invalid (features sections 1.2.2 and 7.3).

import type {
  ConsistentHashSpec,
  LoadBalancerSpec,
  LocalityLbSpec,
  TrafficPolicySpec,
} from '../kinds/networking.ts';
import type { Problem } from './finding.ts';
import { durationProblems, invalid, rangeProblems, wordProblems } from './validate-values.ts';

const simpleBalancers = [
  'UNSPECIFIED',
  'LEAST_REQUEST',
  'LEAST_CONN',
  'ROUND_ROBIN',
  'RANDOM',
  'PASSTHROUGH',
];

/** Problems of a `loadBalancer`. */
export function balancerProblems(spec: LoadBalancerSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const { simple, consistentHash, localityLbSetting, zoneAwareLbSetting } = spec;
  const problems = wordProblems(simple, `${path}.simple`, simpleBalancers);
  if (simple !== undefined && simple !== 'UNSPECIFIED' && consistentHash !== undefined) {
    problems.push(invalid(path, 'cannot have both simple and consistentHash'));
  }
  if (localityLbSetting !== undefined && zoneAwareLbSetting !== undefined) {
    problems.push(invalid(path, 'cannot have both localityLbSetting and zoneAwareLbSetting'));
  }
  return [
    ...problems,
    ...hashProblems(consistentHash, `${path}.consistentHash`),
    ...localityProblems(localityLbSetting, `${path}.localityLbSetting`),
    ...warmupProblems(spec, path),
  ];
}

/** What is allowed in a balancer, and probably not meant. */
export function balancerWarnings(
  { loadBalancer, outlierDetection }: TrafficPolicySpec,
  path: string,
  beneath?: TrafficPolicySpec,
): Problem[] {
  const {
    localityLbSetting: locality,
    zoneAwareLbSetting,
    warmupDurationSecs,
  } = loadBalancer ?? {};
  const at = `${path}.loadBalancer`;
  const warnings: Problem[] = [];
  const prefers =
    (locality?.failover ?? []).length > 0 || (locality?.failoverPriority ?? []).length > 0;
  if (prefers && (outlierDetection ?? beneath?.outlierDetection) === undefined) {
    const text = 'has no effect unless outlierDetection is given beside loadBalancer';
    warnings.push(withoutEffect(`${at}.localityLbSetting`, text));
  }
  if (zoneAwareLbSetting !== undefined) {
    const text = 'waypoints do not know the zones of all their clients; use localityLbSetting';
    warnings.push(withoutEffect(`${at}.zoneAwareLbSetting`, text));
  }
  if (warmupDurationSecs !== undefined) {
    const text = 'is deprecated; write warmup.duration';
    warnings.push(withoutEffect(`${at}.warmupDurationSecs`, text));
  }
  if ((loadBalancer?.consistentHash?.minimumRingSize ?? 0) > 0) {
    const text = 'is deprecated; write ringHash.minimumRingSize';
    warnings.push(withoutEffect(`${at}.consistentHash.minimumRingSize`, text));
  }
  return warnings;
}

/** A warning of a part that does nothing, or soon will not. */
export function withoutEffect(field: string, text: string): Problem {
  return { code: 'AMB1644', field, text };
}

const maxTableSize = 5_000_011;

function hashProblems(spec: ConsistentHashSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = spec;
  const keys = [httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName];
  const problems: Problem[] = [];
  if (keys.filter((key) => key !== undefined).length !== 1) {
    const names = 'httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName';
    problems.push(invalid(path, `needs exactly one of ${names}`));
  }
  if (httpHeaderName === '') problems.push(invalid(`${path}.httpHeaderName`, 'must not be empty'));
  if (httpQueryParameterName === '') {
    problems.push(invalid(`${path}.httpQueryParameterName`, 'must not be empty'));
  }
  if (httpCookie !== undefined) {
    const at = `${path}.httpCookie`;
    if ((httpCookie.name ?? '') === '') problems.push(invalid(`${at}.name`, 'is required'));
    problems.push(...durationProblems(httpCookie.ttl, `${at}.ttl`, 'zero allowed'));
    problems.push(...attributeProblems(httpCookie.attributes ?? [], `${at}.attributes`));
  }
  return [...problems, ...algorithmProblems(spec, path)];
}

function attributeProblems(
  attributes: readonly { readonly name?: string }[],
  path: string,
): Problem[] {
  const seen = new Set<string>();
  return attributes.flatMap(({ name = '' }, index) => {
    const at = `${path}[${index}].name`;
    const isRepeated = seen.has(name.toLowerCase());
    seen.add(name.toLowerCase());
    if (name === '') return [invalid(at, 'is required')];
    return isRepeated ? [invalid(at, `"${name}" is a duplicate attribute name`)] : [];
  });
}

function algorithmProblems(spec: ConsistentHashSpec, path: string): Problem[] {
  const { ringHash, maglev, minimumRingSize = 0 } = spec;
  const kinds = [ringHash !== undefined, maglev !== undefined, minimumRingSize > 0];
  if (kinds.filter(Boolean).length > 1) {
    return [invalid(path, 'can have only one of ringHash, maglev and minimumRingSize')];
  }
  const sizes = [
    ...rangeProblems(minimumRingSize, `${path}.minimumRingSize`, 0, 2 ** 32 - 1),
    ...rangeProblems(ringHash?.minimumRingSize, `${path}.ringHash.minimumRingSize`, 0, 2 ** 32 - 1),
  ];
  if (maglev === undefined) return sizes;
  const { tableSize = 0 } = maglev;
  const at = `${path}.maglev.tableSize`;
  if (tableSize === 0) return [...sizes, invalid(at, 'must be set, to a prime such as 65537')];
  if (tableSize >= maxTableSize) {
    return [...sizes, { code: 'AMB1606', field: at, text: `must be less than ${maxTableSize}` }];
  }
  return isPrime(tableSize) ? sizes : [...sizes, invalid(at, `${tableSize} must be prime`)];
}

function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) {
    if (number % divisor === 0) return false;
  }
  return true;
}

/** Problems of a `localityLbSetting`, of a DestinationRule or of MeshConfig. */
export function localityProblems(spec: LocalityLbSpec | undefined, path: string): Problem[] {
  if (spec === undefined) return [];
  const { distribute = [], failover = [], failoverPriority = [] } = spec;
  if (distribute.length > 0 && failover.length + failoverPriority.length > 0) {
    return [invalid(path, 'cannot have both distribute and failover or failoverPriority')];
  }
  const froms = distribute.map(({ from = '' }) => from);
  return [
    ...overlapProblems(froms, `${path}.distribute`),
    ...distribute.flatMap(({ to = {} }, index) =>
      shareProblems(to, `${path}.distribute[${index}].to`),
    ),
    ...failover.flatMap(({ from = '', to = '' }, index) => {
      const at = `${path}.failover[${index}]`;
      if (from === '' || to === '') return [invalid(at, 'needs from and to')];
      if (from === to) return [invalid(at, 'from and to must be different regions')];
      const isRegion = [from, to].every((one) => !/[*/]/.test(one));
      return isRegion ? [] : [invalid(at, 'must name regions, without a wildcard')];
    }),
  ];
}

function shareProblems(to: Readonly<Record<string, number>>, path: string): Problem[] {
  const weights = Object.values(to);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const problems = overlapProblems(Object.keys(to), path);
  if (weights.some((weight) => !(weight >= 1 && weight <= 100))) {
    problems.push({ code: 'AMB1603', field: path, text: 'weights must be from 1 to 100' });
  } else if (total !== 100) {
    problems.push({ code: 'AMB1603', field: path, text: `weights add up to ${total}, not 100` });
  }
  return problems;
}

/** Places of one list: a star only at the end, and none within another. */
function overlapProblems(places: readonly string[], path: string): Problem[] {
  const [malformed] = places.filter((place) => !isPlace(place));
  if (malformed !== undefined) {
    const text = `"${malformed}" must be region/zone/subzone, with a "*" only at its end`;
    return [invalid(path, text)];
  }
  const repeated = places.find((one, index) =>
    places.some((other, place) => place !== index && covers(other, one)),
  );
  return repeated === undefined ? [] : [invalid(path, `locality "${repeated}" overlaps another`)];
}

function isPlace(place: string): boolean {
  const parts = place.split('/');
  const star = parts.findIndex((part) => part.includes('*'));
  const isTail = star < 0 || (star === parts.length - 1 && parts[star] === '*');
  return isTail && parts.length <= 3 && parts.every((part) => part !== '');
}

function covers(outer: string, inner: string): boolean {
  const prefix = outer.endsWith('*') ? outer.slice(0, -1) : `${outer}/`;
  return outer === inner || `${inner}/`.startsWith(prefix);
}

function warmupProblems(spec: LoadBalancerSpec, path: string): Problem[] {
  const { warmup, warmupDurationSecs } = spec;
  const problems = durationProblems(
    warmupDurationSecs,
    `${path}.warmupDurationSecs`,
    'at least 1ms',
  );
  if (warmup === undefined) return problems;
  const at = `${path}.warmup`;
  if (warmupDurationSecs !== undefined) {
    problems.push(invalid(path, 'cannot have both warmup and warmupDurationSecs'));
  }
  if (warmup.duration === undefined) problems.push(invalid(`${at}.duration`, 'is required'));
  problems.push(
    ...durationProblems(warmup.duration, `${at}.duration`, 'at least 1ms'),
    ...rangeProblems(warmup.minimumPercent, `${at}.minimumPercent`, 0, 100),
  );
  if (warmup.aggression !== undefined && !(warmup.aggression > 0)) {
    const text = `${warmup.aggression} must be greater than 0`;
    problems.push({ code: 'AMB1606', field: `${at}.aggression`, text });
  }
  const isWarmable = [undefined, 'UNSPECIFIED', 'ROUND_ROBIN', 'LEAST_REQUEST', 'LEAST_CONN'];
  if (!isWarmable.includes(spec.simple) || spec.consistentHash !== undefined) {
    problems.push(invalid(at, 'is only possible with ROUND_ROBIN and LEAST_REQUEST'));
  }
  return problems;
}
