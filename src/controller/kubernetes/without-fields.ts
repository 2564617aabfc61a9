// An object without some of its fields, as conflicts of server-side apply name them. Pure.

import type { KubernetesObject } from '../kinds/object.ts';

/** One step of a path: a field, or the item of a list with these keys, or of this value, or at this index. */
type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'item'; readonly keys: ReadonlyMap<string, unknown> }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'index'; readonly index: number };

/** The object without fields such as `.spec.template.spec.containers[name="waypoint"].image`; what a path
 * does not lead to stays. */
export function withoutFields(
  object: KubernetesObject,
  fields: readonly string[],
): KubernetesObject {
  return fields.reduce<unknown>(
    (rest, field) => without(rest, stepsOf(field)),
    object,
  ) as KubernetesObject;
}

function without(value: unknown, [step, ...rest]: readonly Step[]): unknown {
  if (step === undefined) return undefined;
  if (step.kind === 'field') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
        if (name !== step.name) return [[name, inner]];
        const left = without(inner, rest);
        return left === undefined ? [] : [[name, left]];
      }),
    );
  }
  if (!Array.isArray(value)) return value;
  return (value as unknown[]).flatMap((item, index): unknown[] => {
    if (!isAt(step, item, index)) return [item];
    const left = without(item, rest);
    return left === undefined ? [] : [left];
  });
}

function isAt(step: Exclude<Step, { kind: 'field' }>, item: unknown, index: number): boolean {
  if (step.kind === 'index') return step.index === index;
  if (step.kind === 'value') return item === step.value;
  if (typeof item !== 'object' || item === null) return false;
  const record = item as Readonly<Record<string, unknown>>;
  return [...step.keys].every(([key, value]) => record[key] === value);
}

/** A name between dots, or brackets with keys (`[name="a",port=1]`), a value (`[="a"]`) or an index (`[0]`). Names
 * with dots, as those of labels, go up to the end. */
function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path;
  while (rest !== '') {
    const isMap = /\.(?:labels|annotations|matchLabels|selector|nodeSelector)$/.test(
      path.slice(0, path.length - rest.length),
    );
    const field = isMap ? /^\.(.+)$/.exec(rest) : /^\.([^.[]+)/.exec(rest);
    const item = /^\[((?:"(?:\\.|[^"\\])*"|[^\]"])*)\]/.exec(rest);
    const found = field ?? item;
    if (found === null) return [];
    steps.push(field ? { kind: 'field', name: field[1] ?? '' } : stepInto(item?.[1] ?? ''));
    rest = rest.slice(found[0].length);
  }
  return steps;
}

function stepInto(text: string): Step {
  if (/^\d+$/.test(text)) return { kind: 'index', index: Number(text) };
  if (text.startsWith('=')) return { kind: 'value', value: valueOf(text.slice(1)) };
  const keys = [...text.matchAll(/([^=,]+)=("(?:\\.|[^"\\])*"|[^,]*)/g)].map(
    ([, key = '', value = '']) => [key, valueOf(value)] as const,
  );
  return { kind: 'item', keys: new Map(keys) };
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Bare words stand for themselves.
    return text;
  }
}
