// The forms in which objects are sent: whole, as a Table for `kubectl get`, or as metadata only.

import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { ApiObject } from '../store.ts';
import { tableOf } from '../table/table.ts';
import { presentedForm } from '../writes/stored-form.ts';
import type { Exchange } from './exchange.ts';
import type { Page } from './list-objects.ts';

/** What the caller's Accept header asks for. */
export type Form = 'object' | 'table' | 'metadata';

/** The first form of the Accept header that is known. */
export function formOf(exchange: Exchange): Form {
  for (const wanted of (exchange.request.headers.accept ?? '').split(',')) {
    if (/;as=Table\b/.test(wanted)) return 'table';
    if (/;as=PartialObjectMetadata(List)?\b/.test(wanted)) return 'metadata';
    if (/^\s*(application\/json|\*\/\*)\s*(;|$)/.test(wanted)) return 'object';
  }
  return 'object';
}

/** One object in a form. */
export function shownObject(
  exchange: Exchange,
  kind: Kind,
  version: string,
  stored: ApiObject,
  now: number,
): unknown {
  const object = presentedForm(kind, version, stored);
  const form = formOf(exchange);
  if (form === 'metadata') return metadataOf(object);
  if (form === 'object') return object;
  return tableOf({
    kind,
    version,
    objects: [object],
    include: includeOf(exchange),
    now,
    withColumns: true,
    metadata: { resourceVersion: object.metadata.resourceVersion },
  });
}

/** Shows the objects of a watch; only the first Table of a stream names its columns. */
export function watchShow(
  exchange: Exchange,
  kind: Kind,
  version: string,
  clock: { now(): number },
): (object: ApiObject, first: boolean) => unknown {
  const form = formOf(exchange);
  return (stored, first) => {
    const object = presentedForm(kind, version, {
      ...stored,
      apiVersion: apiVersionOf(kind.group, version),
    });
    if (form === 'object') return object;
    if (form === 'metadata') return metadataOf(object);
    const bookmark = object.metadata.name === '';
    return tableOf({
      kind,
      version,
      objects: bookmark ? [] : [object],
      include: includeOf(exchange),
      now: clock.now(),
      withColumns: first,
      metadata: { resourceVersion: object.metadata.resourceVersion },
    });
  };
}

/** A page in a form. */
export function shownList(
  exchange: Exchange,
  kind: Kind,
  version: string,
  page: Page,
  now: number,
): unknown {
  const objects = page.items.map((object) => presentedForm(kind, version, object));
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continueAt === undefined
      ? {}
      : { continue: page.continueAt, remainingItemCount: page.remaining }),
  };
  switch (formOf(exchange)) {
    case 'table':
      return tableOf({
        kind,
        version,
        objects,
        include: includeOf(exchange),
        now,
        withColumns: true,
        metadata,
      });
    case 'metadata':
      return {
        apiVersion: 'meta.k8s.io/v1',
        kind: 'PartialObjectMetadataList',
        metadata,
        items: objects.map(metadataOf),
      };
    case 'object':
      return {
        apiVersion: apiVersionOf(kind.group, version),
        kind: kind.listKind,
        metadata,
        items: objects,
      };
  }
}

function metadataOf(object: ApiObject): object {
  return {
    apiVersion: 'meta.k8s.io/v1',
    kind: 'PartialObjectMetadata',
    metadata: object.metadata,
  };
}

function includeOf(exchange: Exchange): string {
  return exchange.query.get('includeObject') ?? 'Metadata';
}
