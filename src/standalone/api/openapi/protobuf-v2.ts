// OpenAPI v2 documents in the protobuf form (package openapi.v2 of the gnostic project) that kubectl asks
// for. Only what our documents contain is written.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

import { isRecord, type JsonRecord, listAt, recordAt, textAt } from '../json.ts';

/** Encodes a v2 document. */
export function encodeDocumentV2(document: JsonRecord): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, document['swagger']);
  message(writer, 2, (info) => {
    text(info, 1, textAt(document, 'info', 'title'));
    text(info, 2, textAt(document, 'info', 'version'));
  });
  message(writer, 8, (paths) => {
    for (const [path, item] of Object.entries(recordAt(document, 'paths') ?? {})) {
      named(paths, 2, path, (value) => writePath(value, item));
    }
  });
  message(writer, 9, (definitions) => {
    for (const [name, schema] of Object.entries(recordAt(document, 'definitions') ?? {})) {
      named(definitions, 1, name, (value) => writeSchema(value, schema));
    }
  });
  return writer.finish();
}

const methods = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function writePath(writer: BinaryWriter, item: unknown): void {
  for (const [method, field] of Object.entries(methods)) {
    const operation = recordAt(item, method);
    if (operation !== undefined)
      message(writer, field, (value) => writeOperation(value, operation));
  }
}

function writeOperation(writer: BinaryWriter, operation: JsonRecord): void {
  for (const type of listAt(operation, 'consumes')) text(writer, 7, type);
  for (const parameter of listAt(operation, 'parameters')) {
    // ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema.
    message(writer, 8, (item) =>
      message(item, 1, (one) =>
        message(one, 2, (nonBody) =>
          message(nonBody, 3, (query) => {
            text(query, 2, 'query');
            text(query, 4, textAt(parameter, 'name'));
            text(query, 6, textAt(parameter, 'type'));
          }),
        ),
      ),
    );
  }
  message(writer, 9, (responses) => {
    for (const [code, response] of Object.entries(recordAt(operation, 'responses') ?? {})) {
      named(responses, 1, code, (value) =>
        message(value, 1, (body) => {
          text(body, 1, textAt(response, 'description'));
          const schema = recordAt(response, 'schema');
          if (schema === undefined) return;
          message(body, 2, (item) => message(item, 1, (one) => writeSchema(one, schema)));
        }),
      );
    }
  });
  writeExtensions(writer, 13, operation);
}

/** Field numbers of plain members of Schema. */
const textFields = { $ref: 1, format: 2, title: 3, description: 4, pattern: 13 } as const;
const doubleFields = { multipleOf: 6, maximum: 7, minimum: 9 } as const;
const integerFields = {
  maxLength: 11,
  minLength: 12,
  maxItems: 14,
  minItems: 15,
  maxProperties: 17,
  minProperties: 18,
} as const;
const flagFields = { exclusiveMaximum: 8, exclusiveMinimum: 10, uniqueItems: 16 } as const;

function writeSchema(writer: BinaryWriter, schema: unknown): void {
  if (!isRecord(schema)) return;
  for (const [name, field] of Object.entries(textFields)) text(writer, field, schema[name]);
  for (const [name, field] of Object.entries(doubleFields)) {
    const value = schema[name];
    if (typeof value === 'number') writer.tag(field, WireType.Bit64).double(value);
  }
  for (const [name, field] of Object.entries(integerFields)) {
    const value = schema[name];
    if (typeof value === 'number') writer.tag(field, WireType.Varint).int64(value);
  }
  for (const [name, field] of Object.entries(flagFields)) {
    if (schema[name] === true) writer.tag(field, WireType.Varint).bool(true);
  }
  if (schema['default'] !== undefined) any(writer, 5, schema['default']);
  for (const name of listAt(schema, 'required')) text(writer, 19, name);
  for (const value of listAt(schema, 'enum')) any(writer, 20, value);
  writeNested(writer, schema);
  writeExtensions(writer, 31, schema);
}

function writeNested(writer: BinaryWriter, schema: JsonRecord): void {
  const additional = schema['additionalProperties'];
  if (isRecord(additional)) {
    message(writer, 21, (item) => message(item, 1, (value) => writeSchema(value, additional)));
  } else if (typeof additional === 'boolean') {
    message(writer, 21, (item) => item.tag(2, WireType.Varint).bool(additional));
  }
  const type = textAt(schema, 'type');
  if (type !== undefined) message(writer, 22, (item) => text(item, 1, type));
  const items = recordAt(schema, 'items');
  if (items !== undefined) {
    message(writer, 23, (item) => message(item, 1, (value) => writeSchema(value, items)));
  }
  const properties = recordAt(schema, 'properties');
  if (properties === undefined) return;
  message(writer, 25, (all) => {
    for (const [name, property] of Object.entries(properties)) {
      named(all, 1, name, (value) => writeSchema(value, property));
    }
  });
}

function writeExtensions(writer: BinaryWriter, field: number, owner: JsonRecord): void {
  for (const [name, value] of Object.entries(owner)) {
    if (!name.startsWith('x-')) continue;
    named(writer, field, name, (one) => text(one, 2, JSON.stringify(value)));
  }
}

function text(writer: BinaryWriter, field: number, value: unknown): void {
  if (typeof value === 'string' && value !== '') {
    writer.tag(field, WireType.LengthDelimited).string(value);
  }
}

/** Any value, as YAML text (JSON is YAML). */
function any(writer: BinaryWriter, field: number, value: unknown): void {
  message(writer, field, (one) => text(one, 2, JSON.stringify(value)));
}

/** A pair of name and value, as this form writes maps. */
function named(
  writer: BinaryWriter,
  field: number,
  name: string,
  value: (writer: BinaryWriter) => void,
): void {
  message(writer, field, (pair) => {
    text(pair, 1, name);
    message(pair, 2, value);
  });
}

function message(writer: BinaryWriter, field: number, body: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body(writer);
  writer.join();
}
