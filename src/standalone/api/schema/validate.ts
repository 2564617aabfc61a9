// Checks a value against a schema, with the messages that Kubernetes gives for the same mistakes.

import type { FieldProblem } from '../api-error.ts';
import { isRecord, type JsonRecord, jsonEqual } from '../json.ts';
import { matchesFormat } from './formats.ts';
import { memberSchema } from './prune.ts';
import type { Schema } from './schema.ts';

/** Problems reported per object; the rest would not help anybody. */
const maxProblems = 32;

/** What is wrong with `value`; empty when nothing is. */
export function problemsOf(value: unknown, schema: Schema | undefined, path = ''): FieldProblem[] {
  const problems: FieldProblem[] = [];
  check(value, schema, path, problems);
  return problems.slice(0, maxProblems);
}

function check(
  value: unknown,
  schema: Schema | undefined,
  path: string,
  problems: FieldProblem[],
): void {
  if (schema === undefined || problems.length >= maxProblems) return;
  if (value === null && schema.nullable === true) return;
  if (!checkType(value, schema, path, problems)) return;
  if (schema.enum !== undefined && !schema.enum.some((one) => jsonEqual(one, value))) {
    problems.push(notSupported(path, value, schema.enum));
  }
  if (typeof value === 'string') checkText(value, schema, path, problems);
  else if (typeof value === 'number') checkNumber(value, schema, path, problems);
  else if (Array.isArray(value)) checkList(value, schema, path, problems);
  else if (isRecord(value)) checkRecord(value, schema, path, problems);
  checkCombinations(value, schema, path, problems);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkType(
  value: unknown,
  schema: Schema,
  path: string,
  problems: FieldProblem[],
): boolean {
  const found = typeOf(value);
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (found === 'integer' || found === 'string') return true;
  } else if (schema.type === undefined || schema.type === found) {
    return true;
  } else if (schema.type === 'number' && found === 'integer') {
    return true;
  }
  const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type;
  problems.push({
    field: path,
    reason: 'FieldValueTypeInvalid',
    message: `Invalid value: "${found}": ${path} in body must be of type ${wanted ?? ''}: "${found}"`,
  });
  return false;
}

function notSupported(path: string, value: unknown, allowed: readonly unknown[]): FieldProblem {
  const names = allowed.map((one) => JSON.stringify(one)).join(', ');
  return {
    field: path,
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${names}`,
  };
}

function wrong(path: string, value: unknown, why: string): FieldProblem {
  return {
    field: path,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${path} in body ${why}`,
  };
}

function checkText(value: string, schema: Schema, path: string, problems: FieldProblem[]): void {
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    problems.push({
      field: path,
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${schema.maxLength} bytes`,
    });
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    problems.push(wrong(path, value, `should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && patternOf(schema.pattern)?.test(value) === false) {
    problems.push(wrong(path, value, `should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && !matchesFormat(value, schema.format)) {
    problems.push(wrong(path, value, `must be of type ${schema.format}: ${JSON.stringify(value)}`));
  }
}

/** A pattern compiled; undefined for one that JavaScript does not understand, which checks nothing. */
function patternOf(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    try {
      return new RegExp(pattern);
    } catch {
      return undefined;
    }
  }
}

function checkNumber(value: number, schema: Schema, path: string, problems: FieldProblem[]): void {
  const { minimum, maximum, multipleOf } = schema;
  const below = schema.exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
  const above = schema.exclusiveMaximum === true ? 'less than' : 'less than or equal to';
  if (minimum !== undefined) {
    const ok = schema.exclusiveMinimum === true ? value > minimum : value >= minimum;
    if (!ok) problems.push(wrong(path, value, `should be ${below} ${minimum}`));
  }
  if (maximum !== undefined) {
    const ok = schema.exclusiveMaximum === true ? value < maximum : value <= maximum;
    if (!ok) problems.push(wrong(path, value, `should be ${above} ${maximum}`));
  }
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) {
    problems.push(wrong(path, value, `should be a multiple of ${multipleOf}`));
  }
}

function checkList(
  value: readonly unknown[],
  schema: Schema,
  path: string,
  problems: FieldProblem[],
): void {
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    problems.push({
      field: path,
      reason: 'FieldValueTooMany',
      message: `Too many: ${value.length}: must have at most ${schema.maxItems} items`,
    });
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    problems.push(wrong(path, value.length, `should have at least ${schema.minItems} items`));
  }
  value.forEach((item, index) => check(item, schema.items, `${path}[${index}]`, problems));
  checkUnique(value, schema, path, problems);
}

function checkUnique(
  value: readonly unknown[],
  schema: Schema,
  path: string,
  problems: FieldProblem[],
): void {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'set' && listType !== 'map' && schema.uniqueItems !== true) return;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const key =
      listType === 'map' && isRecord(item)
        ? Object.fromEntries(keys.map((name) => [name, item[name]]))
        : item;
    const text = JSON.stringify(key);
    if (seen.has(text)) {
      problems.push({
        field: `${path}[${index}]`,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${text}`,
      });
    }
    seen.add(text);
  });
}

function checkRecord(
  value: JsonRecord,
  schema: Schema,
  path: string,
  problems: FieldProblem[],
): void {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  for (const name of schema.required ?? []) {
    if (value[name] === undefined) {
      problems.push({ field: at(name), reason: 'FieldValueRequired', message: 'Required value' });
    }
  }
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    problems.push(wrong(path, count, `should have at most ${schema.maxProperties} properties`));
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    problems.push(wrong(path, count, `should have at least ${schema.minProperties} properties`));
  }
  for (const [name, member] of Object.entries(value)) {
    const known = memberSchema(schema, name);
    if (known !== 'unknown' && member !== undefined) check(member, known, at(name), problems);
  }
}

function checkCombinations(
  value: unknown,
  schema: Schema,
  path: string,
  problems: FieldProblem[],
): void {
  const holds = (one: Schema): boolean => problemsOf(value, one, path).length === 0;
  for (const one of schema.allOf ?? []) check(value, one, path, problems);
  if (schema.anyOf !== undefined && !schema.anyOf.some(holds)) {
    problems.push(wrong(path, value, 'must validate at least one schema (anyOf)'));
  }
  if (schema.oneOf !== undefined && schema.oneOf.filter(holds).length !== 1) {
    problems.push(wrong(path, value, 'must validate one and only one schema (oneOf)'));
  }
  if (schema.not !== undefined && holds(schema.not)) {
    problems.push(wrong(path, value, 'must not validate the schema (not)'));
  }
}
