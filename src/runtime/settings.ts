// Typed settings of a process from its environment. All problems are reported at once.

import { AmbitError } from './errors.ts';

/** One setting: how to read it, its default as text, and what it means. */
export interface Setting<T> {
  /** The value, or a sentence part saying what the text should be. */
  readonly read: (text: string) => { value: T } | { problem: string };
  /** Used when the variable is unset or empty; none makes the setting mandatory. */
  readonly fallback?: string;
  readonly meaning: string;
}

/** The values that a table of settings yields. */
export type Settings<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer T> ? T : never;
};

/** Any text. */
export function text(meaning: string, fallback?: string): Setting<string> {
  return { read: (value) => ({ value }), meaning, ...(fallback === undefined ? {} : { fallback }) };
}

/** A whole number within bounds. */
export function integer(
  meaning: string,
  fallback: string,
  bounds: { readonly min: number; readonly max: number },
): Setting<number> {
  const { min, max } = bounds;
  const read: Setting<number>['read'] = (raw) => {
    const value = Number(raw);
    if (/^-?\d+$/.test(raw) && value >= min && value <= max) return { value };
    return { problem: `must be a whole number from ${min} to ${max}` };
  };
  return { read, meaning, fallback };
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** A length of time in Go's form, such as `24h` or `1h30m`, in milliseconds. */
export function duration(meaning: string, fallback: string): Setting<number> {
  const read: Setting<number>['read'] = (raw) => {
    const parts = [...raw.matchAll(/(\d{1,9})(ms|s|m|h)/g)];
    const value = parts.reduce(
      (sum, [, count, unit]) => sum + Number(count) * unitsMs[unit as keyof typeof unitsMs],
      0,
    );
    if (value > 0 && parts.map(([part]) => part).join('') === raw) return { value };
    return { problem: 'must be a duration such as 24h or 1h30m' };
  };
  return { read, meaning, fallback };
}

/** `true` or `false`. */
export function flag(meaning: string, fallback: 'true' | 'false'): Setting<boolean> {
  const read: Setting<boolean>['read'] = (raw) =>
    raw === 'true' || raw === 'false'
      ? { value: raw === 'true' }
      : { problem: 'must be true or false' };
  return { read, meaning, fallback };
}

/** One of a closed list of words. */
export function oneOf<const Word extends string>(
  meaning: string,
  words: readonly Word[],
  fallback: Word,
): Setting<Word> {
  const read: Setting<Word>['read'] = (raw) => {
    const value = words.find((word) => word === raw);
    return value === undefined ? { problem: `must be one of ${words.join(', ')}` } : { value };
  };
  return { read, meaning, fallback };
}

/** Reads a table of settings from an environment; throws AMB1004 naming every problem. */
export function readSettings<Table extends Record<string, Setting<unknown>>>(
  table: Table,
  env: Readonly<Record<string, string | undefined>>,
): Settings<Table> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(table)) {
    const given = env[name];
    const raw = given === undefined || given === '' ? setting.fallback : given;
    if (raw === undefined) {
      problems.push(`${name} is not set (${setting.meaning})`);
      continue;
    }
    const result = setting.read(raw);
    if ('problem' in result) problems.push(`${name}=${raw} ${result.problem}`);
    else values[name] = result.value;
  }
  if (problems.length > 0) throw new AmbitError('AMB1004', problems.join('; '));
  return values as Settings<Table>;
}
