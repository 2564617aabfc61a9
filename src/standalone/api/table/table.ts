// meta.k8s.io/v1 Table: what `kubectl get` prints, made by the server.

import { type Column, type Kind, versionOf } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { cellsOf } from './cells.ts';

/** What to put into a Table. */
export interface TableRequest {
  readonly kind: Kind;
  readonly version: string;
  readonly objects: readonly ApiObject[];
  /** `includeObject` of the query: None, Metadata or Object. */
  readonly include: string;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
  readonly withColumns: boolean;
  readonly metadata: object;
}

/** The objects as a Table. */
export function tableOf(request: TableRequest): object {
  const { kind, version, objects, include, now } = request;
  const own = versionOf(kind, version)?.columns ?? [];
  // Events show their name last.
  const columns = own.some(({ name }) => name === 'Name') ? own : [nameColumn, ...own];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: request.metadata,
    columnDefinitions: request.withColumns ? columns.map(definitionOf(kind)) : null,
    rows: objects.map((object) => ({
      cells: cellsOf(kind, columns, object, now),
      ...(include === 'None'
        ? {}
        : { object: include === 'Object' ? object : metadataOnly(object) }),
    })),
  };
}

const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'The name, unique within its namespace.',
  cell: (object) => object.metadata.name,
};

/** Dates of custom kinds are announced as such, as Kubernetes does; ages of built-in kinds are texts. */
function definitionOf(kind: Kind): (column: Column) => object {
  return (column) => ({
    name: column.name,
    type: column.type === 'date' && !kind.custom ? 'string' : column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority ?? 0,
  });
}

function metadataOnly(object: ApiObject): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata,
  };
}
