// From the text of a manifest to objects that know on which lines their fields stand. Pure.

import { type Document, isCollection, isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../controller/kinds/object.ts';
import type { SourceText } from './find-files.ts';

/** An object and where it stands. */
export interface ReadObject {
  readonly object: KubernetesObject;
  readonly file: string;
  readonly line: number;
  /** The line of a field such as `spec.http[0].route`, or of the closest one around it that is there. */
  lineOf(field: string): number;
}

/** What cannot be read as an object. */
export interface ReadProblem {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

export interface ReadResult {
  readonly objects: readonly ReadObject[];
  readonly problems: readonly ReadProblem[];
}

/** As many aliases as a document may resolve. */
const maxAliases = 100;

/** Reads all documents of a text; lists are taken apart. */
export function readDocuments({ name: file, text }: SourceText): ReadResult {
  const objects: ReadObject[] = [];
  const problems: ReadProblem[] = [];
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
  // An empty stream is no array of documents, but an object that says so.
  for (const document of Array.isArray(documents) ? documents : []) {
    const [error] = document.errors;
    const line = lines.linePos(error?.pos[0] ?? startOf(document)).line;
    if (error !== undefined) {
      problems.push({ file, line, text: error.message.split('\n')[0] ?? error.message });
      continue;
    }
    const value = valueOf(document);
    if (typeof value === 'string') problems.push({ file, line, text: value });
    else if (value.content !== null) {
      addObject(value.content, [], { file, document, lines, objects, problems });
    }
  }
  return { objects, problems };
}

/** A text tells why there is none. */
function valueOf(document: Document.Parsed): { readonly content: unknown } | string {
  try {
    return { content: document.toJS({ maxAliasCount: maxAliases }) as unknown };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function startOf(document: Document.Parsed): number {
  return document.contents?.range[0] ?? document.range[0];
}

interface Place {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly objects: ReadObject[];
  readonly problems: ReadProblem[];
}

type Steps = readonly (string | number)[];

function addObject(value: unknown, steps: Steps, place: Place): void {
  const { file, objects, problems } = place;
  const line = lineAt(place, steps);
  const refuse = (text: string): void => void problems.push({ file, line, text });
  if (!isRecord(value)) return refuse('the document is no object');
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string') return refuse('apiVersion is missing');
  if (typeof kind !== 'string') return refuse('kind is missing');
  if (kind.endsWith('List') && Array.isArray(items)) {
    for (const [index, item] of items.entries()) addObject(item, [...steps, 'items', index], place);
    return;
  }
  const named = isRecord(metadata) ? (metadata['name'] ?? metadata['generateName']) : undefined;
  if (typeof named !== 'string' || !isRecord(metadata))
    return refuse(`${kind} has no metadata.name`);
  const object = {
    ...value,
    metadata: { ...metadata, name: named },
  } as unknown as KubernetesObject;
  const lineOf = (field: string): number => lineAt(place, [...steps, ...stepsOf(field)]);
  objects.push({ object, file, line, lineOf });
}

/** `spec.http[0].headers["a.b"]` as steps. */
export function stepsOf(field: string): (string | number)[] {
  return [...field.matchAll(/\["([^"]*)"\]|\[(\d+)\]|\[([^\]]*)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, bare, name]) =>
      index === undefined ? (quoted ?? bare ?? name ?? '') : Number(index),
  );
}

function lineAt({ document, lines }: Place, steps: Steps): number {
  for (let length = steps.length; length > 0; length--) {
    const range = rangeOf(document, steps.slice(0, length));
    if (range !== undefined) return lines.linePos(range).line;
  }
  return lines.linePos(startOf(document)).line;
}

/** Where a field begins: at its name, which may stand lines above a block value. */
function rangeOf(document: Document.Parsed, steps: Steps): number | undefined {
  const parent: unknown =
    steps.length === 1 ? document.contents : getIn(document, steps.slice(0, -1));
  const last = steps.at(-1);
  if (isCollection(parent)) {
    for (const item of parent.items) {
      const { key } = item as { key?: unknown };
      if (isNode(key) && String((key as { value?: unknown }).value) === String(last)) {
        return key.range?.[0];
      }
    }
  }
  const node = getIn(document, steps);
  return isNode(node) ? node.range?.[0] : undefined;
}

function getIn(document: Document.Parsed, steps: Steps): unknown {
  return document.hasIn(steps) ? document.getIn(steps, true) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
