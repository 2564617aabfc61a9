// Request bodies: bounded reading, JSON or YAML, and the fields that are given twice.

import { parseDocument } from 'yaml';

import { badRequest, StatusError } from '../api-error.ts';
import { decodeObject } from '../protobuf/decode-object.ts';
import { definition, hasDefinition } from '../schema/definitions.ts';
import type { Schema } from '../schema/schema.ts';
import type { Core } from '../writes/core.ts';
import type { Exchange } from './exchange.ts';
import { repeatedJsonFields, repeatedYamlFields } from './repeated-fields.ts';

/** As Kubernetes bounds its bodies. */
const maxBodyBytes = 3 * 1024 * 1024;

/** A body as a value, and the paths of its repeated fields. */
export interface ParsedBody {
  readonly value: unknown;
  readonly repeated: readonly string[];
}

/** Reads the whole body. Throws RequestEntityTooLarge. */
export async function readBytes(exchange: Exchange): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of exchange.request) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) {
      throw new StatusError('AMB1211', {
        http: 413,
        reason: 'RequestEntityTooLarge',
        message: `the body is larger than ${maxBodyBytes} bytes`,
      });
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Reads and parses the body; undefined when it is empty. `core` knows the kinds that protobuf bodies
 * may be of. Throws BadRequest. */
export async function readBody(core: Core, exchange: Exchange): Promise<ParsedBody | undefined> {
  const bytes = await readBytes(exchange);
  if (bytes.length === 0) return undefined;
  const type = mediaType(exchange);
  if (type.includes('protobuf')) {
    const value = decodeObject(bytes, (apiVersion, kind) => schemaOf(core, apiVersion, kind));
    return { value, repeated: [] };
  }
  return parseBody(bytes.toString('utf8'), type.includes('yaml'));
}

function schemaOf(core: Core, apiVersion: string, kind: string): Schema | undefined {
  const known = core.registry.byKind(apiVersion, kind);
  if (known === undefined) return hasDefinition(kind) ? definition(kind) : undefined;
  return known.custom ? undefined : known.versions[0]?.schema;
}

/** The media type of the body, without parameters. */
export function mediaType(exchange: Exchange): string {
  const header = exchange.request.headers['content-type'] ?? 'application/json';
  return (header.split(';')[0] ?? '').trim().toLowerCase();
}

/** Parses JSON, or YAML where that is what was announced (and JSON is YAML). */
export function parseBody(text: string, yaml: boolean): ParsedBody {
  try {
    const value: unknown = JSON.parse(text);
    return { value, repeated: repeatedJsonFields(text) };
  } catch (error) {
    if (!yaml) throw unreadable('JSON', error);
  }
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined) throw unreadable('YAML', problem);
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    repeated: repeatedYamlFields(document),
  };
}

function unreadable(form: string, error: unknown): StatusError {
  const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return badRequest(
    'AMB1201',
    `the body of the request is not ${form}: ${why}; correct it and send it again`,
    error,
  );
}
