// One pattern for a text, compiled: a test, and the pattern in words for explanations.

import type { UriMatch } from './route.ts';

/** Compiles an RE2 pattern to a test of a whole text; a text is what is wrong with the pattern. */
export type CompileRegex = (source: string) => ((text: string) => boolean) | string;

/** A pattern ready for use. */
export interface TextTest {
  /** Whether a text that is there matches. */
  readonly test: (text: string) => boolean;
  /** The pattern in words, such as `is "jason"`. */
  readonly words: string;
  /** Why the pattern cannot match anything, if so. */
  readonly problem?: string;
  readonly kind: 'exact' | 'prefix' | 'regex' | 'present' | 'pathPrefix';
}

/** Longest regular expression that is taken, in UTF-16 units, as in Istio. */
export const maxRegexLength = 1024;

/** Compiles a pattern; `ignoreCase` holds for all but regular expressions. A pattern that does not
 * compile matches nothing and says so. */
export function compileText(
  match: UriMatch,
  compileRegex: CompileRegex,
  ignoreCase = false,
): TextTest {
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  if ('exact' in match) {
    const wanted = fold(match.exact);
    return { kind: 'exact', words: `is ${quote(wanted)}`, test: (text) => fold(text) === wanted };
  }
  if ('prefix' in match) {
    const wanted = fold(match.prefix);
    const test = (text: string): boolean => fold(text).startsWith(wanted);
    return { kind: 'prefix', words: `starts with ${quote(wanted)}`, test };
  }
  if ('pathPrefix' in match) {
    const wanted = fold(match.pathPrefix).replace(/\/+$/, '');
    const test = (text: string): boolean => {
      const folded = fold(text);
      return folded === wanted || folded.startsWith(`${wanted}/`);
    };
    return { kind: 'pathPrefix', words: `is ${quote(wanted)} or below it`, test };
  }
  if ('regex' in match) return compilePattern(match.regex, compileRegex);
  return { kind: 'present', words: 'is present', test: () => true };
}

function compilePattern(source: string, compileRegex: CompileRegex): TextTest {
  const words = `matches the regular expression ${quote(source)}`;
  const compiled =
    source.length > maxRegexLength
      ? `it is longer than ${maxRegexLength} characters`
      : compileRegex(source);
  if (typeof compiled === 'string') {
    return { kind: 'regex', words, problem: compiled, test: () => false };
  }
  return { kind: 'regex', words, test: compiled };
}

/** A text in quotes, cut when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
