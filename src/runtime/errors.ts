// The base class of every error that the project throws, and the one-line form of a cause chain.

import { type Code, catalogue } from '../mesh/catalogue.ts';

/** Where in the user's input the problem is. */
export interface ErrorPlace {
  /** The object concerned, `Kind namespace/name`, or a file name. */
  readonly object?: string;
  /** The field path within it, such as `spec.http[0].match[1].uri.regex`. */
  readonly field?: string;
  /** What was caught. */
  readonly cause?: unknown;
}

/** A failure with a stable code. Its message says what was attempted, on what, and what the reader
 * can do: the catalogue's remedy is appended when `what` does not end with one of its own. */
export class AmbitError extends Error {
  override readonly name = 'AmbitError';
  readonly code: Code;
  readonly object: string | undefined;
  readonly field: string | undefined;

  constructor(code: Code, what: string, place: ErrorPlace = {}) {
    const where = [place.object, place.field].filter((part) => part !== undefined).join(' ');
    super(
      `${code} ${where === '' ? '' : `${where}: `}${what}`,
      place.cause === undefined ? undefined : { cause: place.cause },
    );
    this.code = code;
    this.object = place.object;
    this.field = place.field;
  }

  /** What the reader can do about it, from the catalogue. */
  get remedy(): string {
    return catalogue[this.code].remedy;
  }
}

/** The code of an error, or of the nearest coded cause below it; AMB1005 when there is none. */
export function codeOf(error: unknown): Code {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof AmbitError) return current.code;
  }
  return 'AMB1005';
}

/** An error and its causes in one line, outermost first, at most eight deep. */
export function causeChain(error: unknown): string {
  const parts: string[] = [];
  let current = error;
  for (let depth = 0; depth < 8 && current != null; depth++) {
    const text =
      current instanceof Error ? current.message || current.name : String(current as string);
    if (parts.at(-1) !== text) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}
