// RE2 regular expressions, which take time linear in the text whatever the pattern.

import { RE2JS } from 're2js';
import type { ReplaceRegex } from '../mesh/rewrite-path.ts';
import type { CompileRegex } from '../mesh/text-match.ts';

/** Compiles a pattern to a test of a whole text. */
export const compileRegex: CompileRegex = (source) => {
  try {
    const regex = RE2JS.compile(source);
    return (text) => regex.testExact(text);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** Replaces every match; `\1` is the first group. A pattern that does not compile replaces nothing,
 * which the route table has reported. */
export const replaceRegex: ReplaceRegex = (pattern, rewrite, text) => {
  try {
    const replacement = rewrite
      .replaceAll('$', '$$$$')
      .replaceAll(/\\(\d)/g, (_, group: string) => (group === '0' ? '$&' : `$${group}`));
    return RE2JS.compile(pattern).matcher(text).replaceAll(replacement);
  } catch {
    return text;
  }
};
