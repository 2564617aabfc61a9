// What decoders answer. Bytes from another process may be anything, so a decoder returns either the
// value or a sentence part that says what is wrong; the caller knows the context and makes the error.

/** A decoded value, or what is wrong with the bytes. */
export type Result<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'problem'; readonly problem: string };

class Rejection extends Error {}

/** Ends the decoding in progress with a problem. Only for use below `decoding`. */
export function reject(problem: string): never {
  throw new Rejection(problem);
}

/** Runs a decoder; what it rejects, and what the protobuf runtime throws, becomes a problem. */
export function decoding<T>(what: string, decode: () => T): Result<T> {
  try {
    return { kind: 'ok', value: decode() };
  } catch (error) {
    if (error instanceof Rejection) return { kind: 'problem', problem: error.message };
    const detail = error instanceof Error ? error.message : String(error);
    return { kind: 'problem', problem: `not a readable ${what}: ${detail}` };
  }
}

/** The word for an enum number, by a table of words and numbers; an unknown number is rejected. */
export function wordOf<Word extends string>(
  table: Readonly<Record<Word, number>>,
  number: number,
  field: string,
): Word {
  return findWord(table, number) ?? reject(`${field} has the unknown value ${number}`);
}

/** The word for an enum number, if there is one. */
export function findWord<Word extends string>(
  table: Readonly<Record<Word, number>>,
  number: number,
): Word | undefined {
  for (const word in table) if (table[word] === number) return word;
  return undefined;
}
