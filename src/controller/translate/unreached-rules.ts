// Rules of a VirtualService that an earlier one of the same object leaves nothing for, as far as their words
// tell: an identical match, or one for every request. What compiled routes tell of all objects together is
// in the conditions of their status.

import type { HttpMatchSpec, VirtualService } from '../kinds/networking.ts';

/** A rule, or one match of it, that is never reached. */
export interface UnreachedRule {
  readonly field: string;
  readonly text: string;
  /** Whether the whole rule is, and not only one of its matches. */
  readonly isWhole: boolean;
}

/** All that is never reached. */
export function unreachedRules({ spec }: VirtualService): UnreachedRule[] {
  const seen = new Map<string, number>();
  let everything: number | undefined;
  return (spec?.http ?? []).flatMap(({ match = [] }, index): UnreachedRule[] => {
    const field = `spec.http[${index}]`;
    if (everything !== undefined) {
      const text = `never reached: spec.http[${everything}] matches every request before`;
      return [{ field, text, isWhole: true }];
    }
    if (match.length === 0 || match.some(matchesAll)) everything = index;
    const repeated = match.flatMap((one, place) => {
      const key = keyOf(one);
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, index);
      return earlier === undefined || earlier === index ? [] : [{ place, earlier }];
    });
    const [first] = repeated;
    if (first !== undefined && repeated.length === match.length) {
      const text = `never reached: spec.http[${first.earlier}] has the same match before`;
      return [{ field, text, isWhole: true }];
    }
    return repeated.map(({ place, earlier }) => ({
      field: `${field}.match[${place}]`,
      text: `has no effect: spec.http[${earlier}] has the same match before`,
      isWhole: false,
    }));
  });
}

/** Conditions that leave no request out, beside a path that takes all. */
const harmless = new Set(['name', 'uri', 'ignoreUriCase']);

function matchesAll(match: HttpMatchSpec): boolean {
  const { uri } = match;
  const isWide = uri === undefined || uri.prefix === '/' || uri.regex === '.*';
  return isWide && Object.keys(match).every((field) => harmless.has(field));
}

/** Names are for logs, and tell no matches apart. */
function keyOf(match: HttpMatchSpec): string {
  const conditions = Object.entries(match).filter(([field]) => field !== 'name');
  return JSON.stringify(conditions.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
