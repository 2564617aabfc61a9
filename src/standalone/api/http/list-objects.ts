// Lists: selection and pages.

import { badRequest, expired } from '../api-error.ts';
import { isRecord, numberAt, textAt } from '../json.ts';
import type { Kind } from '../kinds/kind.ts';
import {
  type FieldRequirement,
  fieldsFulfil,
  parseFieldSelector,
} from '../selectors/field-selector.ts';
import { fulfilsAll, parseLabelSelector, type Requirement } from '../selectors/label-selector.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';

/** Which objects a list or watch is about. */
export interface Selection {
  readonly namespace: string | undefined;
  readonly labels: readonly Requirement[];
  readonly fields: readonly FieldRequirement[];
}

/** Reads the selectors of a query. A name in the path selects that object. */
export function selectionOf(
  kind: Kind,
  namespace: string | undefined,
  query: URLSearchParams,
  name?: string,
): Selection {
  const fields = parseFieldSelector(kind.storedAs, query.get('fieldSelector') ?? '');
  return {
    namespace,
    labels: parseLabelSelector(query.get('labelSelector') ?? ''),
    fields:
      name === undefined
        ? fields
        : [...fields, { field: 'metadata.name', equal: true, value: name }],
  };
}

/** Whether an object belongs to the selection. */
export function isSelected(selection: Selection, object: ApiObject): boolean {
  const { namespace, labels, fields } = selection;
  return (
    (namespace === undefined || object.metadata.namespace === namespace) &&
    fulfilsAll(labels, object.metadata.labels ?? {}) &&
    fieldsFulfil(fields, object)
  );
}

/** One page. */
export interface Page {
  readonly items: readonly ApiObject[];
  readonly resourceVersion: string;
  /** Where the next page starts. */
  readonly continueAt: string | undefined;
  readonly remaining: number;
}

/** The objects of a selection, `limit` at a time. */
export function listPage(
  core: Core,
  kind: Kind,
  selection: Selection,
  query: URLSearchParams,
): Page {
  const limit = Number(query.get('limit') ?? 0);
  const token = readToken(core, kind, query.get('continue') ?? '');
  const all = core.table
    .list(kind.storedAs, selection.namespace)
    .filter((object) => isSelected(selection, object));
  const from = token === undefined ? 0 : all.findIndex((object) => keyOf(object) > token.after);
  const rest = from < 0 ? [] : all.slice(from);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  // Later pages keep the first one's version: a watch from there sees whatever changed in between.
  const version = token?.version ?? core.table.version;
  const last = items.at(-1);
  const remaining = rest.length - items.length;
  return {
    items,
    resourceVersion: String(version),
    continueAt: remaining > 0 && last !== undefined ? writeToken(version, keyOf(last)) : undefined,
    remaining,
  };
}

function keyOf(object: ApiObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function writeToken(version: number, after: string): string {
  return Buffer.from(JSON.stringify({ version, after })).toString('base64url');
}

function readToken(
  core: Core,
  kind: Kind,
  text: string,
): { version: number; after: string } | undefined {
  if (text === '') return undefined;
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    token = undefined;
  }
  const version = numberAt(token, 'version');
  const after = textAt(token, 'after');
  if (!isRecord(token) || version === undefined || after === undefined) {
    throw badRequest('AMB1201', 'the continue parameter is not one that this server gave');
  }
  if (core.table.history.since(kind.storedAs, version) === 'expired') {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.',
    );
  }
  return { version, after };
}
