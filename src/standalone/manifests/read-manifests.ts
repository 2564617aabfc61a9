// From the text of a YAML or JSON file to Kubernetes objects. Pure. What cannot be read is told with file,
// document and line, and does not keep the rest from being applied.

import { parseAllDocuments } from 'yaml';
import { AmbitError } from '../../runtime/errors.ts';
import type { ApiObject } from '../api/store.ts';

/** An object and where it was read. */
export interface ReadObject {
  readonly object: ApiObject;
  /** `FILE document N`, for messages. */
  readonly origin: string;
}

export interface ReadFile {
  readonly objects: readonly ReadObject[];
  readonly problems: readonly AmbitError[];
}

/** Whether a file of this name can hold manifests. */
export function isManifestName(name: string): boolean {
  return /\.(ya?ml|json)$/i.test(name) && !name.startsWith('.');
}

/** Reads a file's documents; `List` objects are taken apart. JSON files that hold something else
 * (package.json) are left alone. */
export function readManifests(file: string, text: string): ReadFile {
  const objects: ReadObject[] = [];
  const problems: AmbitError[] = [];
  const documents = parseAllDocuments(text, { prettyErrors: true, uniqueKeys: true });
  // An empty stream is no array of documents, but an object that says so.
  const list = Array.isArray(documents) ? documents : [];
  for (const [index, document] of list.entries()) {
    const origin = list.length > 1 ? `${file} document ${index + 1}` : file;
    const error = document.errors[0];
    if (error !== undefined) {
      problems.push(new AmbitError('AMB1106', firstLines(error.message), { object: origin }));
      continue;
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) continue;
    if (/\.json$/i.test(file) && !looksLikeObject(value)) continue;
    addObject(value, origin, { objects, problems });
  }
  return { objects, problems };
}

/** The yaml package's message without the drawing of the source. */
function firstLines(message: string): string {
  return message.split('\n')[0]?.replace(/:$/, '') ?? message;
}

function looksLikeObject(value: unknown): boolean {
  return isRecord(value) && 'apiVersion' in value && 'kind' in value;
}

function addObject(
  value: unknown,
  origin: string,
  into: { readonly objects: ReadObject[]; readonly problems: AmbitError[] },
): void {
  const refuse = (problem: string, field?: string): void => {
    const place = { object: origin, ...(field === undefined ? {} : { field }) };
    into.problems.push(new AmbitError('AMB1106', problem, place));
  };
  if (!isRecord(value)) return refuse('the document is not an object');
  const { apiVersion, kind, metadata, items } = value;
  if (typeof apiVersion !== 'string') return refuse('it is missing', 'apiVersion');
  if (typeof kind !== 'string') return refuse('it is missing', 'kind');
  if (kind.endsWith('List') && Array.isArray(items)) {
    for (const [index, item] of items.entries()) addObject(item, `${origin} items[${index}]`, into);
    return;
  }
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string') {
    return refuse(`${kind} has no name`, 'metadata.name');
  }
  into.objects.push({ object: value as unknown as ApiObject, origin });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
