// What makes a ServiceEntry invalid (features section 7.3), and what its author should know of a valid one.

import { parseCidr, parseIp } from '../../mesh/address.ts';
import type { ServiceEntry, ServiceEntrySpec, WorkloadEntrySpec } from '../kinds/service-entry.ts';
import { isWildcard } from '../kinds/service-entry.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { protocolNamed } from './protocols.ts';
import { endpointProblems } from './validate-endpoints.ts';
import { entryExportProblems, invalid, rangeProblems } from './validate-values.ts';

/** All problems of a ServiceEntry. */
export function validateServiceEntry({ metadata, spec = {} }: ServiceEntry): Problem[] {
  return [
    ...hostProblems(spec),
    ...addressProblems(spec),
    ...portProblems(spec),
    ...resolutionProblems(spec),
    ...(spec.endpoints ?? []).flatMap((endpoint, index) =>
      endpointsProblems(spec, endpoint, index),
    ),
    ...selectorProblems(spec),
    ...entryExportProblems(spec.exportTo, metadata.namespace ?? '', 'spec.exportTo'),
  ];
}

/** What is valid and yet perhaps not meant so. */
export function warnOfServiceEntry({ spec = {} }: ServiceEntry): Problem[] {
  const { hosts = [], resolution = 'NONE', workloadSelector, endpoints = [] } = spec;
  const warnings: Problem[] = [];
  if (resolution === 'NONE' && workloadSelector !== undefined) {
    warnings.push(
      invalid(
        'spec.workloadSelector',
        'has no effect with resolution NONE: connections are passed on',
      ),
    );
  }
  for (const [index, name] of hosts.entries()) {
    if (!isPartial(name)) continue;
    warnings.push(host(`spec.hosts[${index}]`, `"${name}" covers no name; write *.SUFFIX`));
  }
  if (resolution === 'DNS_ROUND_ROBIN' && hosts.length > 1) {
    warnings.push(invalid('spec.hosts', 'should be a single one with resolution DNS_ROUND_ROBIN'));
  }
  if (resolution === 'DYNAMIC_DNS' && spec.location === 'MESH_INTERNAL') {
    warnings.push(invalid('spec.location', 'MESH_INTERNAL has no effect at waypoints'));
  }
  for (const [index, { protocol = '' }] of (spec.ports ?? []).entries()) {
    if (resolution !== 'DYNAMIC_DNS' || protocolNamed(protocol) !== 'tls') continue;
    const text = `${protocol} has no effect with resolution DYNAMIC_DNS: the name in the TLS hello proves nothing, so connections are refused`;
    warnings.push(invalid(`spec.ports[${index}].protocol`, text));
  }
  if (resolution === 'STATIC' && workloadSelector === undefined && endpoints.length === 0) {
    warnings.push(invalid('spec.endpoints', 'is empty, so connections have nowhere to go'));
  }
  if ((spec.exportTo ?? []).some((entry) => entry !== '*')) {
    const text = 'has no effect in ambient mode: the entry is seen as meshConfig says';
    warnings.push({ code: 'AMB1610', field: 'spec.exportTo', text });
  }
  const addresses = endpoints.map(({ address }) => address);
  if (new Set(addresses).size < addresses.length) {
    warnings.push(invalid('spec.endpoints', 'has an address twice; the last of them counts'));
  }
  return warnings;
}

function hostProblems({ hosts = [], resolution }: ServiceEntrySpec): Problem[] {
  if (hosts.length === 0) return [host('spec.hosts', 'must have at least one host')];
  return hosts.flatMap((name, index): Problem[] => {
    const field = `spec.hosts[${index}]`;
    if (name === '*' || !isHostPattern(isPartial(name) ? name.slice(1) : name)) {
      return [host(field, `"${name}" is no DNS name or "*.suffix"`)];
    }
    if (resolution === 'DYNAMIC_DNS' && !isWildcard(name)) {
      return [host(field, `"${name}" must be a wildcard with resolution DYNAMIC_DNS`)];
    }
    return [];
  });
}

/** Istio takes it and warns of it. */
function isPartial(name: string): boolean {
  return /^\*[^.]/.test(name);
}

function host(field: string, text: string): Problem {
  return { code: 'AMB1604', field, text };
}

function addressProblems({ addresses = [], resolution = 'NONE' }: ServiceEntrySpec): Problem[] {
  if (resolution === 'DYNAMIC_DNS' && addresses.length > 0) {
    return [invalid('spec.addresses', 'cannot be set with resolution DYNAMIC_DNS')];
  }
  return addresses.flatMap((text, index): Problem[] => {
    const field = `spec.addresses[${index}]`;
    if (parseCidr(text) === undefined)
      return [invalid(field, `"${text}" is no address or network`)];
    if (text.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC') {
      return [invalid(field, `"${text}": a network needs resolution NONE or STATIC`)];
    }
    return [];
  });
}

function portProblems({
  ports = [],
  resolution = 'NONE',
  hosts = [],
}: ServiceEntrySpec): Problem[] {
  const problems: Problem[] = [];
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const [index, { number, name, protocol = '', targetPort }] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    problems.push(...rangeProblems(number, `${path}.number`, 1, 65_535));
    if (targetPort !== 0)
      problems.push(...rangeProblems(targetPort, `${path}.targetPort`, 1, 65_535));
    if (numbers.has(number)) problems.push(invalid(`${path}.number`, `${number} is defined twice`));
    if (names.has(name)) problems.push(invalid(`${path}.name`, `"${name}" is defined twice`));
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)) {
      problems.push(invalid(`${path}.name`, `"${name}" is no DNS label`));
    }
    numbers.add(number);
    names.add(name);
    const known = protocolNamed(protocol);
    if (resolution === 'DYNAMIC_DNS' && !carriesNames(known)) {
      const text = `${protocol || 'none'} must be HTTP, HTTP2, GRPC or TLS with resolution DYNAMIC_DNS`;
      problems.push(invalid(`${path}.protocol`, text));
    }
    if (hosts.length > 1 && resolution !== 'NONE' && !carriesNames(known)) {
      const text = `${protocol || 'none'} must be HTTP or TLS where there are several hosts`;
      problems.push(invalid(`${path}.protocol`, text));
    }
  }
  return problems;
}

/** Whether requests of a protocol name the host that they are for. */
function carriesNames(protocol: ReturnType<typeof protocolNamed>): boolean {
  return protocol !== undefined && protocol !== 'tcp' && protocol !== 'unknown';
}

function resolutionProblems(spec: ServiceEntrySpec): Problem[] {
  const { resolution = 'NONE', endpoints = [], hosts = [], workloadSelector } = spec;
  const without = resolution === 'NONE' || resolution === 'DYNAMIC_DNS';
  if (without && endpoints.length > 0) {
    return [invalid('spec.endpoints', `cannot be set with resolution ${resolution}`)];
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    return [invalid('spec.endpoints', 'must have at most one with resolution DNS_ROUND_ROBIN')];
  }
  const byHost = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
  if (
    byHost &&
    endpoints.length === 0 &&
    workloadSelector === undefined &&
    hosts.some(isWildcard)
  ) {
    const text = `must be full names with resolution ${resolution} and no endpoints: there is nothing to resolve`;
    return [host('spec.hosts', text)];
  }
  return [];
}

function endpointsProblems(
  { resolution = 'NONE', ports = [] }: ServiceEntrySpec,
  endpoint: WorkloadEntrySpec,
  index: number,
): Problem[] {
  const path = `spec.endpoints[${index}]`;
  const { address = '' } = endpoint;
  const problems = endpointProblems(endpoint, path);
  const isPath = address.startsWith('unix://');
  if (resolution === 'STATIC' && address !== '' && !isPath && parseIp(address) === undefined) {
    problems.push(invalid(`${path}.address`, `"${address}" must be an IP address`));
  }
  if (isPath && ports.length !== 1) {
    problems.push(invalid('spec.ports', 'must be exactly one with an endpoint of unix://'));
  }
  for (const name of Object.keys(endpoint.ports ?? {})) {
    if (ports.some((port) => port.name === name)) continue;
    problems.push(invalid(`${path}.ports`, `"${name}" is no port of the entry`));
  }
  return problems;
}

function selectorProblems({ endpoints = [], workloadSelector }: ServiceEntrySpec): Problem[] {
  if (workloadSelector === undefined || endpoints.length === 0) return [];
  return [invalid('spec.workloadSelector', 'cannot be combined with spec.endpoints')];
}
