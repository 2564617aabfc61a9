// How Services are shown.

import { listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { Column } from '../kinds/kind.ts';
import { selectorText } from '../selectors/selector-text.ts';
import type { ApiObject } from '../store.ts';
import { age } from './ages.ts';

/** Columns of Services. */
export const serviceColumns: readonly Column[] = [
  { name: 'Type', type: 'string', cell: (service) => textAt(service.spec, 'type') ?? 'ClusterIP' },
  {
    name: 'Cluster-IP',
    type: 'string',
    cell: (service) => textAt(service.spec, 'clusterIP') ?? '<none>',
  },
  { name: 'External-IP', type: 'string', cell: externalOf },
  { name: 'Port(s)', type: 'string', cell: portsOf },
  { name: 'Age', type: 'string', cell: (one, now) => age(one.metadata.creationTimestamp, now) },
  {
    name: 'Selector',
    type: 'string',
    priority: 1,
    cell: (service) =>
      selectorText({ matchLabels: recordAt(service.spec, 'selector') ?? {} }) || '<none>',
  },
];

function externalOf(service: ApiObject): string {
  const external = listAt(service.spec, 'externalIPs').map(String);
  const type = textAt(service.spec, 'type');
  if (type === 'ExternalName') return textAt(service.spec, 'externalName') ?? '';
  if (type === 'LoadBalancer') {
    const given = listAt(service.status, 'loadBalancer', 'ingress').map(
      (ingress) => textAt(ingress, 'ip') ?? textAt(ingress, 'hostname') ?? '',
    );
    return [...given, ...external].join(',') || '<pending>';
  }
  return external.join(',') || '<none>';
}

function portsOf(service: ApiObject): string {
  const ports = listAt(service.spec, 'ports').map((port) => {
    const node = numberAt(port, 'nodePort') ?? 0;
    const number = numberAt(port, 'port') ?? 0;
    return `${number}${node === 0 ? '' : `:${node}`}/${textAt(port, 'protocol') ?? 'TCP'}`;
  });
  return ports.join(',') || '<none>';
}
