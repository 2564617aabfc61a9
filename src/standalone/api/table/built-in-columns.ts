// The columns of `kubectl get` for the built-in kinds, under the headings that its users know.

import { isRecord, listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { Column } from '../kinds/kind.ts';
import { selectorText } from '../selectors/selector-text.ts';
import type { ApiObject, KindName } from '../store.ts';
import { age } from './ages.ts';
import { endpointsColumns, eventColumns, sliceColumns } from './event-and-endpoint-columns.ts';
import { nodeColumns } from './node-columns.ts';
import { podColumns } from './pod-columns.ts';
import { serviceColumns } from './service-columns.ts';

/** A column that shows always; `wide` ones only with -o wide. */
function column(name: string, cell: (object: ApiObject, now: number) => unknown): Column {
  return { name, type: 'string', cell };
}

function count(name: string, ...path: readonly string[]): Column {
  return { name, type: 'integer', cell: (object) => numberAt(object, ...path) ?? 0 };
}

function wide(one: Column): Column {
  return { ...one, priority: 1 };
}

const ageColumn = column('Age', (object, now) => age(object.metadata.creationTimestamp, now));

const templateColumns: readonly Column[] = [
  wide(column('Containers', (object) => templateTexts(object, 'name'))),
  wide(column('Images', (object) => templateTexts(object, 'image'))),
  wide(column('Selector', (object) => selectorText(recordAt(object, 'spec', 'selector')))),
];

function templateTexts(object: ApiObject, name: string): string {
  return listAt(object, 'spec', 'template', 'spec', 'containers')
    .map((container) => textAt(container, name) ?? '')
    .join(',');
}

function size(value: unknown): number {
  return isRecord(value) ? Object.keys(value).length : 0;
}

const byKind: Readonly<Record<KindName, readonly Column[]>> = {
  namespaces: [column('Status', (object) => textAt(object, 'status', 'phase') ?? ''), ageColumn],
  nodes: nodeColumns,
  pods: podColumns,
  services: serviceColumns,
  events: eventColumns,
  endpoints: endpointsColumns,
  'discovery.k8s.io/endpointslices': sliceColumns,
  configmaps: [
    column('Data', (object) => String(size(object['data']) + size(object['binaryData']))),
    ageColumn,
  ],
  secrets: [
    column('Type', (object) => textAt(object, 'type') ?? ''),
    column('Data', (object) => String(size(object['data']))),
    ageColumn,
  ],
  serviceaccounts: [
    column('Secrets', (object) => String(listAt(object, 'secrets').length)),
    ageColumn,
  ],
  'coordination.k8s.io/leases': [
    column('Holder', (object) => textAt(object, 'spec', 'holderIdentity') ?? ''),
    ageColumn,
  ],
  'apiextensions.k8s.io/customresourcedefinitions': [
    column('Created At', (object) => object.metadata.creationTimestamp ?? ''),
  ],
  'apps/deployments': [
    column('Ready', (object) => {
      const ready = numberAt(object, 'status', 'readyReplicas') ?? 0;
      return `${ready}/${numberAt(object, 'spec', 'replicas') ?? 0}`;
    }),
    count('Up-to-date', 'status', 'updatedReplicas'),
    count('Available', 'status', 'availableReplicas'),
    ageColumn,
    ...templateColumns,
  ],
  'apps/replicasets': [
    count('Desired', 'spec', 'replicas'),
    count('Current', 'status', 'replicas'),
    count('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...templateColumns,
  ],
  'apps/daemonsets': [
    count('Desired', 'status', 'desiredNumberScheduled'),
    count('Current', 'status', 'currentNumberScheduled'),
    count('Ready', 'status', 'numberReady'),
    count('Up-to-date', 'status', 'updatedNumberScheduled'),
    count('Available', 'status', 'numberAvailable'),
    column('Node Selector', (object) => {
      const labels = recordAt(object, 'spec', 'template', 'spec', 'nodeSelector');
      return selectorText({ matchLabels: labels ?? {} }) || '<none>';
    }),
    ageColumn,
    ...templateColumns,
  ],
};

/** The columns of a built-in kind, after its name. */
export function columnsOf(kind: KindName): readonly Column[] {
  return byKind[kind] ?? [ageColumn];
}
