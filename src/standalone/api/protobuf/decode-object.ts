// Kubernetes' protobuf form of objects, which newer clients send for built-in kinds: the four bytes
// `k8s\0`, then runtime.Unknown with the kind and the object itself. Answers are always JSON.

import { badRequest } from '../api-error.ts';
import { isRecord, type JsonRecord } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { WireReader, wireType } from './wire-reader.ts';

const magic = Buffer.from('k8s\0');

/** Field numbers of one message: fields of the object, and messages whose fields belong to it. */
interface MessageIndex {
  readonly fields: Map<number, { name: string; schema: Schema }>;
  readonly inline: Map<number, MessageIndex>;
}

const indices = new WeakMap<Schema, MessageIndex>();

/** Decodes an object. `schemaOf` finds the schema of a kind. Throws BadRequest. */
export function decodeObject(
  bytes: Buffer,
  schemaOf: (apiVersion: string, kind: string) => Schema | undefined,
): JsonRecord {
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    throw badRequest('AMB1201', 'the body is not an object in Kubernetes protobuf form');
  }
  try {
    const { apiVersion, kind, raw } = readEnvelope(bytes.subarray(magic.length));
    const schema = schemaOf(apiVersion, kind);
    if (schema === undefined) {
      throw badRequest('AMB1207', `${kind} in ${apiVersion} cannot be read as protobuf; send JSON`);
    }
    return { apiVersion, kind, ...readMessage(new WireReader(raw), schema) };
  } catch (error) {
    if (error instanceof RangeError) {
      throw badRequest('AMB1201', `the protobuf body is damaged: ${error.message}`, error);
    }
    throw error;
  }
}

function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const envelope: { apiVersion: string; kind: string; raw: Uint8Array } = {
    apiVersion: '',
    kind: '',
    raw: new Uint8Array(),
  };
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const [field, wire] = reader.tag();
    if (field === 1) {
      const type = reader.message();
      while (!type.done) {
        const [inner, innerWire] = type.tag();
        if (inner === 1) envelope.apiVersion = type.text();
        else if (inner === 2) envelope.kind = type.text();
        else type.skip(innerWire);
      }
    } else if (field === 2) envelope.raw = reader.bytes();
    else reader.skip(wire);
  }
  return envelope;
}

function indexOf(schema: Schema): MessageIndex {
  let index = indices.get(schema);
  if (index !== undefined) return index;
  index = { fields: new Map(), inline: new Map() };
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    let at = index;
    const path = field.protobuf ?? [];
    for (const number of path.slice(0, -1)) {
      const inner = at.inline.get(number) ?? { fields: new Map(), inline: new Map() };
      at.inline.set(number, inner);
      at = inner;
    }
    const last = path.at(-1);
    if (last !== undefined) at.fields.set(last, { name, schema: field });
  }
  indices.set(schema, index);
  return index;
}

function readMessage(reader: WireReader, schema: Schema): JsonRecord {
  const result: JsonRecord = {};
  readInto(result, reader, indexOf(schema));
  return result;
}

function readInto(result: JsonRecord, reader: WireReader, index: MessageIndex): void {
  while (!reader.done) {
    const [number, wire] = reader.tag();
    const inline = index.inline.get(number);
    const field = index.fields.get(number);
    if (inline !== undefined) readInto(result, reader.message(), inline);
    else if (field === undefined) reader.skip(wire);
    else readField(result, reader, wire, field.name, field.schema);
  }
}

function readField(
  result: JsonRecord,
  reader: WireReader,
  wire: number,
  name: string,
  schema: Schema,
): void {
  if (schema.protobufType === undefined && schema.type === 'array') {
    const list = Array.isArray(result[name]) ? (result[name] as unknown[]) : [];
    list.push(readValue(reader, wire, schema.items ?? {}));
    result[name] = list;
  } else if (schema.protobufType === undefined && isRecord(schema.additionalProperties)) {
    const map = isRecord(result[name]) ? result[name] : {};
    const [key, value] = readEntry(reader, schema.additionalProperties);
    map[key] = value;
    result[name] = map;
  } else {
    const value = readValue(reader, wire, schema);
    const unset = value === '' || ((value === 0 || value === false) && zeroIsUnset.has(name));
    if (!unset && value !== undefined) result[name] = value;
  }
}

/** Fields that Go sends as zero when they are not set. */
const zeroIsUnset: ReadonlySet<string> = new Set([
  'generation',
  'healthCheckNodePort',
  'hostIPC',
  'hostNetwork',
  'hostPID',
  'hostPort',
  'initialDelaySeconds',
  'minReadySeconds',
  'nodePort',
  'paused',
  'publishNotReadyAddresses',
  'stdin',
  'stdinOnce',
  'tty',
  'unschedulable',
]);

function readEntry(owner: WireReader, schema: Schema): [string, unknown] {
  const reader = owner.message();
  let key = '';
  let value: unknown = schema.type === 'string' ? '' : undefined;
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (number === 1) key = reader.text();
    else if (number === 2) value = readValue(reader, wire, schema);
    else reader.skip(wire);
  }
  return [key, value];
}

function readValue(reader: WireReader, wire: number, schema: Schema): unknown {
  if (schema.protobufType !== undefined) return readSpecial(reader.bytes(), schema.protobufType);
  switch (schema.type) {
    case 'string':
      if (schema.format === 'byte') return reader.bytes().toString('base64');
      return reader.text();
    case 'boolean':
      return reader.integer() !== 0;
    case 'integer':
      return reader.integer();
    case 'number':
      return reader.double();
    default:
      if (wire === wireType.lengthDelimited) return readMessage(reader.message(), schema);
      reader.skip(wire);
      return undefined;
  }
}

/** Messages that JSON writes as plain values. */
function readSpecial(bytes: Uint8Array, type: NonNullable<Schema['protobufType']>): unknown {
  const fields = new Map<number, string | number>();
  const texts: string[] = [];
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const [number, wire] = reader.tag();
    if (wire === wireType.varint) fields.set(number, reader.integer());
    else if (wire === wireType.lengthDelimited) {
      const text = reader.text();
      fields.set(number, text);
      texts.push(text);
    } else reader.skip(wire);
  }
  switch (type) {
    case 'time':
      return timeOf(Number(fields.get(1) ?? 0), Number(fields.get(2) ?? 0));
    case 'quantity':
      return fields.get(1);
    case 'intstr':
      return fields.get(1) === 1 ? (fields.get(3) ?? '') : (fields.get(2) ?? 0);
    case 'texts':
      return texts;
    case 'any':
      return jsonIn(fields.get(1));
  }
}

/** An unset time is sent as an empty message or as the year 1. */
function timeOf(seconds: number, nanos: number): string | undefined {
  if (seconds === 0 || seconds < -60_000_000_000) return undefined;
  const text = new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, '');
  return nanos === 0 ? `${text}Z` : `${text}.${String(nanos).padStart(9, '0').slice(0, 6)}Z`;
}

function jsonIn(value: string | number | undefined): unknown {
  try {
    return typeof value === 'string' ? (JSON.parse(value) as unknown) : undefined;
  } catch {
    // Not a free-form value but a message that no node here understands.
    return undefined;
  }
}
