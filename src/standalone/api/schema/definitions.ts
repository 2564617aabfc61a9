// The schemas of the built-in kinds, read from the tables beside this file.
//
//   package io.k8s.api.core.v1            prefix of the names below in OpenAPI documents
//   kind Pod: A description.              a kind: apiVersion and kind are added to its fields
//   CoreEvent as Event atomic: ...        known here by another name; replaced as a whole by apply
//     name! 1 string (A|B) = "A": ...     field, mandatory, protobuf number, type, values, default
//     ...VolumeSource 2                   fields of another type, nested in protobuf only
//
// Types: string bool int32 int64 double bytes time microtime quantity intstr any texts, a name, {T} for a
// map, [T] for a list. Lists: `[T set]`, `[T by KEY,...]` merged by those keys in server-side apply and by
// the first of them in strategic patches, `patch KEY` where those differ, `retain`, `merge`.

import type { Schema } from './schema.ts';
import { accessTypes } from './tables/access.ts';
import { containersTypes } from './tables/containers.ts';
import { customResourceDefinitionTypes } from './tables/custom-resource-definitions.ts';
import { eventsTypes } from './tables/events.ts';
import { metadataTypes } from './tables/metadata.ts';
import { nodesTypes } from './tables/nodes.ts';
import { podStatusTypes } from './tables/pod-status.ts';
import { podsTypes } from './tables/pods.ts';
import { reviewsTypes } from './tables/reviews.ts';
import { servicesTypes } from './tables/services.ts';
import { settingsTypes } from './tables/settings.ts';
import { surroundingsTypes } from './tables/surroundings.ts';
import { volumesTypes } from './tables/volumes.ts';
import { workloadsTypes } from './tables/workloads.ts';

type Fields = Record<string, Schema>;

const header = /^(kind )?(\w+)(?: as (\w+))?( atomic)?(?:: (.*))?$/;
const fieldLine = /^ {2}([\w$]+)(!?) (\d+) ([^(=:]+?)(?: \(([^)]+)\))?(?: = ([^:]+?))?(?:: (.*))?$/;
const inlineLine = /^ {2}\.\.\.(\w+) (\d+)$/;

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time', protobufType: 'time' },
  microtime: { type: 'string', format: 'date-time', protobufType: 'time' },
  quantity: { 'x-kubernetes-int-or-string': true, format: 'quantity', protobufType: 'quantity' },
  intstr: { 'x-kubernetes-int-or-string': true, protobufType: 'intstr' },
  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, protobufType: 'any' },
  texts: { type: 'array', items: { type: 'string' }, protobufType: 'texts' },
};

const definitions = readAll([
  metadataTypes,
  settingsTypes,
  servicesTypes,
  eventsTypes,
  volumesTypes,
  containersTypes,
  podsTypes,
  podStatusTypes,
  nodesTypes,
  workloadsTypes,
  reviewsTypes,
  customResourceDefinitionTypes,
  surroundingsTypes,
  accessTypes,
]);

/** A definition by its short name, such as `ObjectMeta`. */
export function definition(name: string): Schema {
  const found = definitions.get(name);
  if (found === undefined) throw new Error(`no definition ${name}`);
  return found;
}

/** Whether there is a definition of that short name. */
export function hasDefinition(name: string): boolean {
  return definitions.has(name);
}

function readAll(tables: readonly string[]): Map<string, Schema> {
  const known = new Map<string, Schema>(Object.entries(scalars));
  for (const table of tables) {
    let prefix = '';
    for (const block of table.split(/\n(?! )/)) {
      const [first = '', ...lines] = block.split('\n');
      if (first.startsWith('package ')) prefix = first.slice('package '.length);
      else if (first !== '') readType(known, prefix, first, lines);
    }
  }
  return known;
}

function readType(
  known: Map<string, Schema>,
  prefix: string,
  first: string,
  lines: readonly string[],
): void {
  const match = header.exec(first);
  if (match === null) throw new Error(`not a type: ${first}`);
  const [, kind, name = '', publicName = name, atomic, description] = match;
  const text = { type: 'string' } as const;
  const properties: Fields = kind === undefined ? {} : { apiVersion: text, kind: text };
  const required: string[] = [];
  for (const line of lines) if (line !== '') readField(known, properties, required, line);
  known.set(name, {
    definition: `${prefix}.${publicName}`,
    type: 'object',
    ...(description === undefined ? {} : { description }),
    properties,
    ...(required.length === 0 ? {} : { required }),
    ...(atomic === undefined ? {} : { 'x-kubernetes-map-type': 'atomic' as const }),
  });
}

function readField(
  known: ReadonlyMap<string, Schema>,
  properties: Fields,
  required: string[],
  line: string,
): void {
  const inline = inlineLine.exec(line);
  if (inline !== null) {
    const inner = typeOf(known, inline[1] ?? '');
    for (const [name, field] of Object.entries(inner.properties ?? {})) {
      properties[name] = { ...field, protobuf: [Number(inline[2]), ...(field.protobuf ?? [])] };
    }
    required.push(...(inner.required ?? []));
    return;
  }
  const match = fieldLine.exec(line);
  if (match === null) throw new Error(`not a field: ${line}`);
  const [, name = '', mandatory, number, type = '', values, fallback, description] = match;
  properties[name] = {
    ...typeOf(known, type),
    protobuf: [Number(number)],
    ...(values === undefined ? {} : { enum: values.split('|') }),
    ...(fallback === undefined ? {} : { default: JSON.parse(fallback) as unknown }),
    ...(description === undefined ? {} : { description }),
  };
  if (mandatory === '!') required.push(name);
}

function typeOf(known: ReadonlyMap<string, Schema>, text: string): Schema {
  const map = /^\{(.+)\}( atomic)?$/.exec(text);
  if (map !== null) {
    return {
      type: 'object',
      additionalProperties: typeOf(known, map[1] ?? ''),
      ...(map[2] === undefined ? {} : { 'x-kubernetes-map-type': 'atomic' as const }),
    };
  }
  const list = /^\[(\S+)(.*)\]$/.exec(text);
  if (list !== null) return listOf(typeOf(known, list[1] ?? ''), list[2] ?? '');
  const found = known.get(text);
  if (found === undefined) throw new Error(`unknown type ${text}`);
  return found;
}

function listOf(items: Schema, how: string): Schema {
  const keys = / by (\S+)/.exec(how)?.[1]?.split(',');
  const patchKey = / patch (\S+)/.exec(how)?.[1] ?? keys?.[0];
  const merges = patchKey !== undefined || / merge\b/.test(how);
  const strategy = [...(merges ? ['merge'] : []), ...(/ retain\b/.test(how) ? ['retainKeys'] : [])];
  const listType = keys !== undefined ? 'map' : / set\b/.test(how) ? 'set' : 'atomic';
  return {
    type: 'array',
    items,
    'x-kubernetes-list-type': listType,
    ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys }),
    ...(strategy.length === 0 ? {} : { 'x-kubernetes-patch-strategy': strategy.join(',') }),
    ...(patchKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': patchKey }),
  };
}
