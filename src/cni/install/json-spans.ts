// Where the parts of a JSON text are. Files of others are changed by replacing only the characters that
// are ours, so that every key, number and blank of theirs stays as they wrote it.

/** A stretch of a text. */
export interface Span {
  readonly start: number;
  /** After the last character. */
  readonly end: number;
}

/** The value of a member of an object; when a key is there twice the last one counts, as for JSON.parse.
 * @param text valid JSON, an object */
export function memberSpan(text: string, key: string): Span | undefined {
  let found: Span | undefined;
  for (const member of partsOf(text, { start: 0, end: text.length })) {
    const keyEnd = skipString(text, member.start);
    if (JSON.parse(text.slice(member.start, keyEnd)) !== key) continue;
    const colon = skipBlanks(text, keyEnd);
    found = { start: skipBlanks(text, colon + 1), end: member.end };
  }
  return found;
}

/** The elements of an array. @param text valid JSON @param array the array's place in it */
export function elementSpans(text: string, array: Span): Span[] {
  return [...partsOf(text, array)];
}

/** What the commas of the outermost brackets part, without the blanks around. */
function* partsOf(text: string, within: Span): Generator<Span> {
  let at = skipBlanks(text, within.start) + 1;
  for (;;) {
    const start = skipBlanks(text, at);
    if (text[start] === ']' || text[start] === '}') return;
    at = start;
    for (let depth = 0; ; ) {
      const character = text[at];
      if (character === '"') {
        at = skipString(text, at);
        continue;
      }
      if (character === '{' || character === '[') depth++;
      const closes = character === '}' || character === ']';
      if ((depth === 0 && (closes || character === ',')) || at >= within.end) break;
      if (closes) depth--;
      at++;
    }
    yield { start, end: start + text.slice(start, at).trimEnd().length };
    if (text[at] !== ',') return;
    at++;
  }
}

/** The place after a text in quotes that begins at `at`. */
function skipString(text: string, at: number): number {
  let next = at + 1;
  while (text[next] !== '"') next += text[next] === '\\' ? 2 : 1;
  return next + 1;
}

function skipBlanks(text: string, at: number): number {
  let next = at;
  while (/[ \t\r\n]/.test(text.charAt(next))) next++;
  return next;
}
