// What makes a WorkloadEntry, or an endpoint within a ServiceEntry, invalid (features section 7.3).

import { parseIp } from '../../mesh/address.ts';
import type { WorkloadEntry, WorkloadEntrySpec } from '../kinds/service-entry.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { invalid, rangeProblems } from './validate-values.ts';

/** All problems of a WorkloadEntry. */
export function validateWorkloadEntry({ spec = {} }: WorkloadEntry): Problem[] {
  return endpointProblems(spec, 'spec');
}

/** What is valid and yet perhaps not meant so. */
export function warnOfWorkloadEntry({ spec = {} }: WorkloadEntry): Problem[] {
  if ((spec.address ?? '') !== '') return [];
  return [invalid('spec.address', 'is empty: it is reached only through a gateway of its network')];
}

/** Problems of what both have in common. */
export function endpointProblems(spec: WorkloadEntrySpec, path: string): Problem[] {
  const { address = '', network = '', ports = {}, labels = {} } = spec;
  const problems: Problem[] = [];
  if (address === '' && network === '') {
    problems.push(invalid(`${path}.address`, 'must be set, or else spec.network'));
  } else if (address.startsWith('unix://')) {
    const text = 'sockets of a file system are not reached from the node proxy; use an IP address';
    problems.push({ code: 'AMB1610', field: `${path}.address`, text });
    if (Object.keys(ports).length > 0) problems.push(invalid(`${path}.ports`, 'must be empty'));
  } else if (address !== '' && parseIp(address) === undefined && !isHost(address)) {
    problems.push(invalid(`${path}.address`, `"${address}" is no IP address or DNS name`));
  }
  for (const [name, number] of Object.entries(ports)) {
    problems.push(...rangeProblems(number, `${path}.ports.${name}`, 1, 65_535));
  }
  for (const [key, value] of Object.entries(labels)) {
    if (isLabel(key, value)) continue;
    problems.push(invalid(`${path}.labels`, `"${key}: ${String(value)}" is no label`));
  }
  return problems;
}

/** A name of digits and dots is a mistyped address. */
function isHost(text: string): boolean {
  return !text.includes('*') && isHostPattern(text) && !/^[\d.]+$/.test(text);
}

function isLabel(key: string, value: unknown): boolean {
  const name = /^([a-z0-9.-]{1,253}\/)?[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i;
  return (
    typeof value === 'string' &&
    name.test(key) &&
    /^([a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?)?$/i.test(value)
  );
}
