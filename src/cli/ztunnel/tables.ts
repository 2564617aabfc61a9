// The tables of `ambit ztunnel-config`: columns and order are those of istioctl. Pure.

import { type Fields, fieldsOf, listOf, textOf, textsOf, type ZtunnelDump } from './dump.ts';

type Rows = readonly (readonly string[])[];

/** What of the dump is wanted; an empty filter takes all. */
export interface DumpFilter {
  readonly namespace?: string | undefined;
  readonly node?: string | undefined;
  readonly address?: string | undefined;
}

/** Members that the filter takes, by namespace and name. */
export function chosen(members: readonly Fields[], filter: DumpFilter): readonly Fields[] {
  const { namespace, node, address } = filter;
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  const key = (member: Fields): string =>
    ['namespace', 'name', 'hostname', 'node', 'uid'].map((part) => textOf(member, part)).join('\0');
  return members
    .filter(
      (member) =>
        (namespace === undefined || same(textOf(member, 'namespace'), namespace)) &&
        (node === undefined || same(textOf(member, 'node'), node)) &&
        (address === undefined || textsOf(member, 'workloadIps').some((one) => same(one, address))),
    )
    .toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

export function workloadRows(dump: ZtunnelDump, filter: DumpFilter): Rows {
  const waypoints = waypointNames(dump);
  return [
    ['NAMESPACE', 'POD NAME', 'ADDRESS', 'NODE', 'WAYPOINT', 'PROTOCOL'],
    ...chosen(dump.workloads, filter).map((workload) => [
      textOf(workload, 'namespace'),
      textOf(workload, 'name'),
      textsOf(workload, 'workloadIps').join(',') || textOf(workload, 'hostname'),
      textOf(workload, 'node'),
      waypoints(workload),
      textOf(workload, 'protocol'),
    ]),
  ];
}

export function serviceRows(dump: ZtunnelDump, filter: DumpFilter): Rows {
  const waypoints = waypointNames(dump);
  return [
    ['NAMESPACE', 'SERVICE NAME', 'SERVICE VIP', 'WAYPOINT', 'ENDPOINTS'],
    ...chosen(dump.services, filter).map((service) => {
      const endpoints = listOf(service, 'endpoints');
      const healthy = endpoints.filter((one) => textOf(one, 'status') !== 'Unhealthy');
      const ranges = listOf(service, 'cidrVips').map((one) => textOf(one, 'cidr'));
      return [
        textOf(service, 'namespace'),
        textOf(service, 'name'),
        [...textsOf(service, 'vips').map(withoutNetwork), ...ranges].join(','),
        waypoints(service),
        `${healthy.length}/${endpoints.length}`,
      ];
    }),
  ];
}

export function policyRows(dump: ZtunnelDump, filter: DumpFilter): Rows {
  return [
    ['NAMESPACE', 'POLICY NAME', 'ACTION', 'SCOPE'],
    ...chosen(dump.policies, filter).map((policy) =>
      ['namespace', 'name', 'action', 'scope'].map((part) => textOf(policy, part)),
    ),
  ];
}

/** The first certificate of a chain is the workload's own; then come those of its issuers, and the roots that
 * it trusts. */
export function certificateRows(
  { certificates }: Pick<ZtunnelDump, 'certificates'>,
  nowMs: number,
): Rows {
  return [
    [
      'CERTIFICATE NAME',
      'TYPE',
      'STATUS',
      'VALID CERT',
      'SERIAL NUMBER',
      'NOT AFTER',
      'NOT BEFORE',
    ],
    ...certificates.flatMap((one) => {
      const name = textOf(one, 'identity');
      const [status = ''] = textOf(one, 'state').split(':');
      const [leaf, ...issuers] = listOf(one, 'certChain');
      if (leaf === undefined) return [[name, 'Leaf', status, 'false', 'NA', 'NA', 'NA']];
      const row = (certificate: Fields, type: string): string[] => [
        name,
        type,
        status,
        String(isValid(certificate, nowMs)),
        serialOf(certificate),
        textOf(certificate, 'expirationTime') || 'NA',
        textOf(certificate, 'validFrom') || 'NA',
      ];
      return [
        row(leaf, 'Leaf'),
        ...issuers.map((issuer) => row(issuer, 'Intermediate')),
        ...listOf(one, 'rootCerts').map((root) => row(root, 'Root')),
      ];
    }),
  ];
}

function isValid(certificate: Fields, nowMs: number): boolean {
  const from = Date.parse(textOf(certificate, 'validFrom'));
  return from <= nowMs && nowMs < Date.parse(textOf(certificate, 'expirationTime'));
}

/** The dump has it in decimal figures. */
function serialOf(certificate: Fields): string {
  const text = textOf(certificate, 'serialNumber');
  return /^\d+$/.test(text) ? BigInt(text).toString(16) : text || 'NA';
}

/** The name of the service that is a workload's or service's waypoint. */
function waypointNames({ services }: ZtunnelDump): (member: Fields) => string {
  const names = new Map<string, string>();
  for (const service of services) {
    const name = textOf(service, 'name');
    names.set(`${textOf(service, 'namespace')}/${textOf(service, 'hostname')}`, name);
    for (const address of textsOf(service, 'vips')) names.set(address, name);
  }
  return (member) => {
    const weighted = listOf(member, 'weightedWaypoints');
    const all = weighted.length > 0 ? weighted : [fieldsOf(member['waypoint'])];
    const known = all
      .map((one) => textOf(one, 'destination'))
      .filter((destination) => destination !== '')
      .map((destination) => names.get(destination) ?? 'NA');
    return known.join(',') || 'None';
  };
}

/** `network/address` without its network. */
export function withoutNetwork(address: string): string {
  return address.slice(address.indexOf('/') + 1);
}
