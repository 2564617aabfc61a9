// Label selectors: the JSON form of specs and the text form of queries.

import { badRequest } from '../api-error.ts';
import { isRecord, listAt, recordAt, textAt } from '../json.ts';

/** One condition on labels. */
export interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

type Labels = Readonly<Record<string, unknown>>;

/** Whether labels fulfil a LabelSelector (`matchLabels`, `matchExpressions`). */
export function selectorMatches(selector: unknown, labels: Labels): boolean {
  const wanted = recordAt(selector, 'matchLabels') ?? {};
  if (!Object.entries(wanted).every(([key, value]) => labels[key] === value)) return false;
  return listAt(selector, 'matchExpressions').every((expression) => {
    if (!isRecord(expression)) return false;
    const operator = textAt(expression, 'operator') as Requirement['operator'];
    const values = listAt(expression, 'values').map(String);
    return fulfils({ key: textAt(expression, 'key') ?? '', operator, values }, labels);
  });
}

/** Whether labels fulfil every requirement. */
export function fulfilsAll(requirements: readonly Requirement[], labels: Labels): boolean {
  return requirements.every((requirement) => fulfils(requirement, labels));
}

function fulfils({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return typeof value === 'string' && values.includes(value);
    case 'NotIn':
      return typeof value !== 'string' || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

/** Reads `app=web,tier in (a,b),!old`. Throws BadRequest. */
export function parseLabelSelector(text: string): Requirement[] {
  return splitOutsideParentheses(text)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseRequirement);
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === '(') depth++;
    else if (character === ')') depth--;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function parseRequirement(part: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(part);
  if (set !== null) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return { key: set[1] ?? '', operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const compared = /^([^\s!=<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/.exec(part);
  if (compared !== null) {
    const operator = comparisons[compared[2] ?? '='] ?? 'In';
    return { key: compared[1] ?? '', operator, values: [compared[3] ?? ''] };
  }
  const present = /^(!?)\s*([^\s!=<>()]+)$/.exec(part);
  if (present !== null) {
    const operator = present[1] === '!' ? 'DoesNotExist' : 'Exists';
    return { key: present[2] ?? '', operator, values: [] };
  }
  throw badRequest('AMB1203', `unable to parse the label selector at ${JSON.stringify(part)}`);
}

const comparisons: Readonly<Record<string, Requirement['operator']>> = {
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};
