// Domain names on the wire (RFC 1035, sections 3.1 and 4.1.4), read and written with hard limits.

/** A name as its labels, lower-case, without the root. Bytes outside ASCII are kept as Latin-1. */
export type Labels = readonly string[];

/** RFC 1035, section 2.3.4. */
export const maxNameBytes = 255;
export const maxLabelBytes = 63;

/** A name that was read, and where the message goes on after it. */
export interface ReadName {
  readonly labels: Labels;
  readonly next: number;
}

/** Reads the name at `start`; undefined when it is malformed. Compression pointers are followed only
 * when allowed and only backwards, each to before the one that led to it, so that reading always
 * ends. */
export function readName(
  message: Uint8Array,
  start: number,
  options: { readonly compressed: boolean },
): ReadName | undefined {
  const labels: string[] = [];
  let at = start;
  let lowest = start;
  let next: number | undefined;
  let length = 1;
  for (;;) {
    const size = message[at];
    if (size === undefined) return undefined;
    if (size === 0) return { labels, next: next ?? at + 1 };
    if (size >= 0xc0) {
      const low = message[at + 1];
      if (!options.compressed || low === undefined) return undefined;
      const target = ((size & 0x3f) << 8) | low;
      if (target >= lowest) return undefined;
      next ??= at + 2;
      lowest = target;
      at = target;
      continue;
    }
    length += size + 1;
    if (size > maxLabelBytes || length > maxNameBytes || at + 1 + size > message.length) {
      return undefined;
    }
    labels.push(textOf(message.subarray(at + 1, at + 1 + size)));
    at += size + 1;
  }
}

/** The bytes of a name, uncompressed. Labels must be within the limits (see `parseName`). */
export function encodeName(labels: Labels): Buffer {
  const parts = labels.flatMap((label) => {
    const bytes = Buffer.from(label, 'latin1');
    return [Buffer.of(bytes.length), bytes];
  });
  return Buffer.concat([...parts, Buffer.of(0)]);
}

/** A name from its dotted text, with or without the final dot; undefined when it is none. */
export function parseName(text: string): Labels | undefined {
  const trimmed = text.endsWith('.') ? text.slice(0, -1) : text;
  const labels = trimmed === '' ? [] : trimmed.toLowerCase().split('.');
  const fits = labels.every((label) => /^[!-~]{1,63}$/.test(label));
  return fits && trimmed.length + 2 <= maxNameBytes ? labels : undefined;
}

/** The dotted text of a name, for people. */
export function formatName(labels: Labels): string {
  return `${labels.join('.')}.`;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').toLowerCase();
}
