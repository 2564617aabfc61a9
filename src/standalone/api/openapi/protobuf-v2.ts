// OpenAPI v2 documents in the protobuf form (package openapi.v2 of the gnostic project) that kubectl asks
// for. Only what our documents contain is written.

import { isRecord, type JsonRecord, listAt, recordAt, textAt } from '../json.ts';
import { WireWriter } from '../protobuf/wire-writer.ts';

/** Encodes a v2 document. */
export function encodeDocumentV2(document: JsonRecord): Uint8Array {
  const writer = new WireWriter();
  writer.text(1, document['swagger']);
  writer.message(2, (info) => {
    info.text(1, textAt(document, 'info', 'title'));
    info.text(2, textAt(document, 'info', 'version'));
  });
  writer.message(8, (paths) => {
    for (const [path, item] of Object.entries(recordAt(document, 'paths') ?? {})) {
      named(paths, 2, path, (value) => writePath(value, item));
    }
  });
  writer.message(9, (definitions) => {
    for (const [name, schema] of Object.entries(recordAt(document, 'definitions') ?? {})) {
      named(definitions, 1, name, (value) => writeSchema(value, schema));
    }
  });
  return writer.finish();
}

const methods = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function writePath(writer: WireWriter, item: unknown): void {
  for (const [method, field] of Object.entries(methods)) {
    const operation = recordAt(item, method);
    if (operation !== undefined) writer.message(field, (value) => writeOperation(value, operation));
  }
}

function writeOperation(writer: WireWriter, operation: JsonRecord): void {
  for (const type of listAt(operation, 'consumes')) writer.text(7, type);
  for (const parameter of listAt(operation, 'parameters')) {
    // ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema.
    writer.message(8, (item) =>
      item.message(1, (one) =>
        one.message(2, (nonBody) =>
          nonBody.message(3, (query) => {
            query.text(2, 'query');
            query.text(4, textAt(parameter, 'name'));
            query.text(6, textAt(parameter, 'type'));
          }),
        ),
      ),
    );
  }
  writer.message(9, (responses) => {
    for (const [code, response] of Object.entries(recordAt(operation, 'responses') ?? {})) {
      named(responses, 1, code, (value) =>
        value.message(1, (body) => {
          body.text(1, textAt(response, 'description'));
          const schema = recordAt(response, 'schema');
          if (schema === undefined) return;
          body.message(2, (item) => item.message(1, (one) => writeSchema(one, schema)));
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

function writeSchema(writer: WireWriter, schema: unknown): void {
  if (!isRecord(schema)) return;
  for (const [name, field] of Object.entries(textFields)) writer.text(field, schema[name]);
  for (const [name, field] of Object.entries(doubleFields)) {
    const value = schema[name];
    if (typeof value === 'number') writer.double(field, value);
  }
  for (const [name, field] of Object.entries(integerFields)) {
    const value = schema[name];
    if (typeof value === 'number') writer.integer(field, value);
  }
  for (const [name, field] of Object.entries(flagFields)) {
    if (schema[name] === true) writer.flag(field, true);
  }
  if (schema['default'] !== undefined) any(writer, 5, schema['default']);
  for (const name of listAt(schema, 'required')) writer.text(19, name);
  for (const value of listAt(schema, 'enum')) any(writer, 20, value);
  writeNested(writer, schema);
  writeExtensions(writer, 31, schema);
}

function writeNested(writer: WireWriter, schema: JsonRecord): void {
  const additional = schema['additionalProperties'];
  if (isRecord(additional)) {
    writer.message(21, (item) => item.message(1, (value) => writeSchema(value, additional)));
  } else if (typeof additional === 'boolean') {
    writer.message(21, (item) => item.flag(2, additional));
  }
  const type = textAt(schema, 'type');
  if (type !== undefined) writer.message(22, (item) => item.text(1, type));
  const items = recordAt(schema, 'items');
  if (items !== undefined) {
    writer.message(23, (item) => item.message(1, (value) => writeSchema(value, items)));
  }
  const properties = recordAt(schema, 'properties');
  if (properties === undefined) return;
  writer.message(25, (all) => {
    for (const [name, property] of Object.entries(properties)) {
      named(all, 1, name, (value) => writeSchema(value, property));
    }
  });
}

function writeExtensions(writer: WireWriter, field: number, owner: JsonRecord): void {
  for (const [name, value] of Object.entries(owner)) {
    if (!name.startsWith('x-')) continue;
    named(writer, field, name, (one) => one.text(2, JSON.stringify(value)));
  }
}

/** Any value, as YAML text (JSON is YAML). */
function any(writer: WireWriter, field: number, value: unknown): void {
  writer.message(field, (one) => one.text(2, JSON.stringify(value)));
}

/** A pair of name and value, as this form writes maps. */
function named(
  writer: WireWriter,
  field: number,
  name: string,
  value: (writer: WireWriter) => void,
): void {
  writer.message(field, (pair) => {
    pair.text(1, name);
    pair.message(2, value);
  });
}
