// The part of JSONPath that printer columns use: fields, indices, wildcards and equality filters.

import { isRecord } from '../json.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly path: readonly string[]; readonly value: string };

/** The value at a path such as `.status.conditions[?(@.type=="Ready")].status`; several values are
 * joined with commas, as kubectl prints them; undefined when there is none. */
export function jsonPathValue(root: unknown, path: string): unknown {
  let values: unknown[] = [root];
  for (const step of stepsOf(path)) values = values.flatMap((value) => stepInto(value, step));
  if (values.length <= 1) return values[0];
  return values
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    .join(',');
}

const stepPattern =
  /\.?\[\?\(\s*@\.([^=\s]+)\s*==\s*["']([^"']*)["']\s*\)\]|\.?\[\*\]|\.\*|\.?\[(-?\d+)\]|\.?\[['"]([^'"]+)['"]\]|\.?((?:\\.|[^.[\]\\])+)/g;

function stepsOf(path: string): Step[] {
  const text = path.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  return [...text.matchAll(stepPattern)].map((match): Step => {
    const [whole, filterPath, filterValue, index, quoted, name] = match;
    if (filterPath !== undefined) {
      return { kind: 'filter', path: filterPath.split('.'), value: filterValue ?? '' };
    }
    if (index !== undefined) return { kind: 'index', index: Number(index) };
    if (quoted !== undefined) return { kind: 'field', name: quoted };
    if (name === undefined || whole === '.*') return { kind: 'all' };
    return { kind: 'field', name: name.replace(/\\(.)/g, '$1') };
  });
}

function stepInto(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'field':
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'index':
      return Array.isArray(value) && value.length > step.index ? [value.at(step.index)] : [];
    case 'all':
      if (Array.isArray(value)) return value;
      return isRecord(value) ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value)
        ? value.filter((item) => String(fieldAt(item, step.path)) === step.value)
        : [];
  }
}

function fieldAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) current = isRecord(current) ? current[name] : undefined;
  return current;
}
