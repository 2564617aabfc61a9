// The table of open connections of `ambit ztunnel-config connections`. Pure.

import { type Fields, fieldsOf, listOf, textOf, textsOf, type ZtunnelDump } from './dump.ts';
import { withoutNetwork } from './tables.ts';

export type Direction = 'inbound' | 'outbound';

/** Which connections, and how their ends are named. */
export interface ConnectionFilter {
  readonly namespace?: string | undefined;
  readonly direction?: Direction | undefined;
  /** Addresses instead of names. */
  readonly raw: boolean;
}

/** The served pods that the filter takes, by name, each with its connections. */
export function servedPods(
  { workloadState }: ZtunnelDump,
  { namespace }: ConnectionFilter,
): readonly Fields[] {
  const key = (pod: Fields): string => nameOf(fieldsOf(pod['info']));
  return workloadState
    .filter((pod) => namespace === undefined || namespaceOf(pod) === namespace)
    .toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

function namespaceOf(pod: Fields): string {
  return textOf(fieldsOf(pod['info']), 'namespace');
}

/** One row for each open connection. A connection that goes to a service has it as its target. */
export function connectionRows(
  dump: ZtunnelDump,
  filter: ConnectionFilter,
): readonly (readonly string[])[] {
  const named = filter.raw ? (address: string) => address : endNames(dump);
  const rows = servedPods(dump, filter).flatMap((pod) => {
    const name = nameOf(fieldsOf(pod['info']));
    const connections = fieldsOf(pod['connections']);
    const of = (direction: Direction): readonly Fields[] =>
      filter.direction === undefined || filter.direction === direction
        ? listOf(connections, direction)
        : [];
    const inbound = of('inbound').map((one) => [
      name,
      'Inbound',
      named(textOf(one, 'actualDst')),
      named(textOf(one, 'src')),
      textOf(one, 'originalDst'),
      textOf(one, 'protocol'),
    ]);
    const outbound = of('outbound').map((one) => [
      name,
      'Outbound',
      named(textOf(one, 'src')),
      named(textOf(one, 'actualDst')),
      named(textOf(one, 'originalDst')),
      textOf(one, 'protocol'),
    ]);
    return [...inbound, ...outbound];
  });
  return [['WORKLOAD', 'DIRECTION', 'LOCAL', 'REMOTE', 'REMOTE TARGET', 'PROTOCOL'], ...rows];
}

function nameOf(info: Fields): string {
  return `${textOf(info, 'name')}.${textOf(info, 'namespace')}`;
}

/** Names an end by the service or the workload that has its address. */
function endNames({ services, workloads }: ZtunnelDump): (end: string) => string {
  const names = new Map<string, string>();
  for (const workload of workloads) {
    for (const address of textsOf(workload, 'workloadIps')) names.set(address, nameOf(workload));
  }
  for (const service of services) {
    for (const address of textsOf(service, 'vips')) {
      names.set(withoutNetwork(address), textOf(service, 'hostname'));
    }
  }
  return (end) => {
    const colon = end.lastIndexOf(':');
    const name = names.get(end.slice(0, colon).replaceAll(/[[\]]/g, ''));
    return name === undefined ? end : `${name}${end.slice(colon)}`;
  };
}
