// The notation that the schemas of Istio's kinds are written in, so that each description stands once and a
// reviewer sees a field in a line. Types become inline: CustomResourceDefinitions know no references.
//
//   VirtualService: A description.         a type, with its fields and rules below
//   Other of Endpoint: Its description.  the same with the fields of another, and not its rules
//     name! string<1..253>: What it is.    field, mandatory, type, limits, description
//     mode string (A|B)                    one of these words
//     list [Type]<1..16> by name           a list, of so many, merged and unique by a member
//     map {string}                         a map of names to values
//     flag bool?                           may be null, as Go clients write "not set"
//     rule EXPRESSION => message           CEL, evaluated by the API server of a cluster
//     atmostone a b, exactlyone a b        which of the fields may be given together
//
// Limits count characters, items, members, or bound the number. Besides the JSON types there are int32,
// uint32, uint64, double, duration (at least 1ms), time, intstr and any.

/** A schema of a CustomResourceDefinition. */
export type CrdSchema = Readonly<Record<string, unknown>>;

const scalars: Readonly<Record<string, CrdSchema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  uint32: { type: 'integer', minimum: 0, maximum: 4_294_967_295 },
  uint64: { type: 'integer', minimum: 0 },
  double: { type: 'number', format: 'double' },
  time: { type: 'string', format: 'date-time' },
  intstr: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
  any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  duration: {
    type: 'string',
    maxLength: 32,
    'x-kubernetes-validations': [
      { rule: "duration(self) >= duration('1ms')", message: 'must be a duration of at least 1ms' },
    ],
  },
};

const header = /^(\w+)(?: of (\w+))?(?:: (.*))?$/;
const fieldLine = /^ {2}([\w]+)(!?) (\S+?)(\?)?(?: by (\w+))?(?: \(([^)]+)\))?(?:: (.*))?$/;
const limited = /^(.*?)<(\d*)\.\.(\d*)>$/;

/** Reads tables; later types may use earlier ones. */
export function readTables(tables: readonly string[]): ReadonlyMap<string, CrdSchema> {
  const known = new Map<string, CrdSchema>(Object.entries(scalars));
  for (const block of tables.join('\n').split(/\n(?! )/)) {
    const [first = '', ...lines] = block.split('\n').filter((line) => line.trim() !== '');
    if (first === '') continue;
    const match = header.exec(first);
    if (match === null) throw new Error(`not a type: ${first}`);
    const [, name = '', like, description] = match;
    const object = objectOf(known, description, lines);
    known.set(name, like === undefined ? object : withFieldsOf(typeOf(known, like), object));
  }
  return known;
}

function objectOf(
  known: ReadonlyMap<string, CrdSchema>,
  description: string | undefined,
  lines: readonly string[],
): CrdSchema {
  const properties: Record<string, CrdSchema> = {};
  const required: string[] = [];
  const rules: object[] = [];
  let choice: CrdSchema = {};
  for (const line of lines) {
    const rule = /^ {2}rule (.+) => (.+)$/.exec(line);
    const chosen = /^ {2}(atmostone|exactlyone) (.+)$/.exec(line);
    if (rule !== null) rules.push({ rule: rule[1], message: rule[2] });
    else if (chosen !== null) {
      choice = choiceOf((chosen[2] ?? '').split(' '), chosen[1] === 'atmostone');
    } else {
      const { name, schema, isRequired } = fieldOf(known, line);
      properties[name] = schema;
      if (isRequired) required.push(name);
    }
  }
  return {
    type: 'object',
    ...(description !== undefined && { description }),
    properties,
    ...(required.length > 0 && { required }),
    ...choice,
    ...(rules.length > 0 && { 'x-kubernetes-validations': rules }),
  };
}

/** The fields of one type, and not its rules. */
function withFieldsOf({ properties }: CrdSchema, object: CrdSchema): CrdSchema {
  const own = object['properties'] as object;
  return { ...object, properties: { ...(properties as object), ...own } };
}

/** Of these fields one is given, or none where that is allowed too. */
function choiceOf(fields: readonly string[], mayBeNone: boolean): CrdSchema {
  const each = fields.map((field) => ({ required: [field] }));
  return { oneOf: mayBeNone ? [{ not: { anyOf: each } }, ...each] : each };
}

function fieldOf(
  known: ReadonlyMap<string, CrdSchema>,
  line: string,
): { name: string; schema: CrdSchema; isRequired: boolean } {
  const match = fieldLine.exec(line);
  if (match === null) throw new Error(`not a field: ${line}`);
  const [, name = '', mandatory, type = '', nullable, key, words, description] = match;
  const { description: own, ...schema } = typeOf(known, type);
  const text = description ?? own;
  return {
    name,
    isRequired: mandatory === '!',
    schema: {
      ...(text !== undefined && { description: text }),
      ...schema,
      ...(nullable !== undefined && { nullable: true }),
      ...(words !== undefined && { enum: words.split('|') }),
      ...(key !== undefined && {
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': [key],
      }),
    },
  };
}

function typeOf(known: ReadonlyMap<string, CrdSchema>, text: string): CrdSchema {
  const limits = limited.exec(text);
  if (limits !== null) {
    const [, inner = '', least, most] = limits;
    const schema = typeOf(known, inner);
    const [min, max] = limitNames(schema['type']);
    return {
      ...schema,
      ...(least !== '' && { [min]: Number(least) }),
      ...(most !== '' && { [max]: Number(most) }),
    };
  }
  const list = /^\[(.+)\]$/.exec(text);
  if (list !== null) return { type: 'array', items: typeOf(known, list[1] ?? '') };
  const map = /^\{(.+)\}$/.exec(text);
  if (map !== null) return { type: 'object', additionalProperties: typeOf(known, map[1] ?? '') };
  const found = known.get(text);
  if (found === undefined) throw new Error(`unknown type ${text}`);
  return found;
}

function limitNames(type: unknown): readonly [string, string] {
  if (type === 'string') return ['minLength', 'maxLength'];
  if (type === 'array') return ['minItems', 'maxItems'];
  return type === 'object' ? ['minProperties', 'maxProperties'] : ['minimum', 'maximum'];
}
