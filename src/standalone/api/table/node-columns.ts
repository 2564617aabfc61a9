// How nodes are shown.

import { isRecord, listAt, textAt } from '../json.ts';
import type { Column } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { age } from './ages.ts';

const rolePrefix = 'node-role.kubernetes.io/';

/** Columns of nodes. */
export const nodeColumns: readonly Column[] = [
  { name: 'Status', type: 'string', cell: statusOf },
  { name: 'Roles', type: 'string', cell: rolesOf },
  { name: 'Age', type: 'string', cell: (node, now) => age(node.metadata.creationTimestamp, now) },
  { name: 'Version', type: 'string', cell: (node) => systemText(node, 'kubeletVersion') },
  wide('Internal-IP', (node) => addressOf(node, 'InternalIP')),
  wide('External-IP', (node) => addressOf(node, 'ExternalIP')),
  wide('OS-Image', (node) => systemText(node, 'osImage')),
  wide('Kernel-Version', (node) => systemText(node, 'kernelVersion')),
  wide('Container-Runtime', (node) => systemText(node, 'containerRuntimeVersion')),
];

function wide(name: string, cell: (node: ApiObject) => unknown): Column {
  return { name, type: 'string', priority: 1, cell };
}

function statusOf(node: ApiObject): string {
  const ready = listAt(node.status, 'conditions').find(
    (condition) => textAt(condition, 'type') === 'Ready',
  );
  const states = { True: 'Ready', False: 'NotReady' };
  const status = textAt(ready, 'status');
  const word = status === 'True' || status === 'False' ? states[status] : 'Unknown';
  const closed = isRecord(node.spec) && node.spec['unschedulable'] === true;
  return closed ? `${word},SchedulingDisabled` : word;
}

function rolesOf(node: ApiObject): string {
  const roles = Object.keys(node.metadata.labels ?? {})
    .filter((label) => label.startsWith(rolePrefix))
    .map((label) => label.slice(rolePrefix.length));
  return roles.toSorted().join(',') || '<none>';
}

function systemText(node: ApiObject, name: string): string {
  return textAt(node.status, 'nodeInfo', name) || '<unknown>';
}

function addressOf(node: ApiObject, type: string): string {
  const found = listAt(node.status, 'addresses').find(
    (address) => textAt(address, 'type') === type,
  );
  return textAt(found, 'address') ?? '<none>';
}
