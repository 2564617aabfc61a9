// The functions of Helm's templates that our chart uses.

import { parse, stringify } from 'yaml';

export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** What counts as nothing: false, zero, and what is empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** As an action prints it; nothing for what is not there. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error('a map or list is printed without toYaml');
}

const indent = (spaces: unknown, text: unknown): string =>
  shown(text).replaceAll(/^/gm, ' '.repeat(Number(spaces)));

const map = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;

/** What the first has goes before what the second has. */
function merge(first: unknown, second: unknown): unknown {
  const isMap = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isMap(first) || !isMap(second)) return first ?? second;
  const names = new Set([...Object.keys(map(first)), ...Object.keys(map(second))]);
  return Object.fromEntries(
    [...names].map((name) => [name, merge(map(first)[name], map(second)[name])]),
  );
}

function dict(...pairs: readonly unknown[]): unknown {
  const names = pairs.filter((_, index) => index % 2 === 0).map(String);
  return Object.fromEntries(names.map((name, index) => [name, pairs[2 * index + 1]]));
}

/** Only `%s`, which is all the chart needs. */
function printf(format: unknown, ...values: readonly unknown[]): string {
  if (/%[^s]/.test(String(format))) throw new Error(`printf knows %s alone: ${String(format)}`);
  const rest = [...values];
  return String(format).replaceAll('%s', () => shown(rest.shift()));
}

export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  eq: (first, second) => first === second,
  ne: (first, second) => first !== second,
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  quote: (value) => JSON.stringify(shown(value)),
  toString: (value: unknown) => shown(value),
  replace: (from, to, text) => shown(text).replaceAll(String(from), String(to)),
  join: (separator, list) => (list as readonly unknown[]).map(shown).join(String(separator)),
  nindent: (spaces, text) => `\n${indent(spaces, text)}`,
  toYaml: (value) =>
    stringify(value, { sortMapEntries: true, indentSeq: false, lineWidth: 0 }).trimEnd(),
  fromYaml: (text) => parse(shown(text)) as unknown,
  printf,
  dict,
  list: (...values) => values,
  get: (from, name) => map(from)[String(name)] ?? '',
  index: (from, position) => (from as readonly unknown[])[Number(position)],
  merge,
  omit: (from, ...names) =>
    Object.fromEntries(Object.entries(map(from)).filter(([name]) => !names.includes(name))),
};
