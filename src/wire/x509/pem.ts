// PEM armour (RFC 7468): text with labelled blocks of base64, found in one pass over the text.

import { decoding, type Result, reject } from '../result.ts';

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The bytes of every block of a label, in order. What stands between blocks is passed over, as are
 * blocks of other labels; a block that has no end or is not base64 is a problem. */
export function readPem(label: string, text: string): Result<readonly Buffer[]> {
  return decoding('PEM', () => blocksIn(label, text));
}

function blocksIn(label: string, text: string): readonly Buffer[] {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Buffer[] = [];
  for (let from = text.indexOf(begin); from !== -1; ) {
    const count = blocks.length + 1;
    const to = text.indexOf(end, from + begin.length);
    if (to === -1) reject(`block ${count} of ${label} has no end`);
    const content = text.slice(from + begin.length, to).replace(/\s+/g, '');
    if (content.length % 4 !== 0 || !base64.test(content)) {
      reject(`block ${count} of ${label} is not base64`);
    }
    blocks.push(Buffer.from(content, 'base64'));
    from = text.indexOf(begin, to + end.length);
  }
  return blocks;
}

/** The bytes of the first block of a label; undefined when there is none that can be read. */
export function fromPem(label: string, text: string): Buffer | undefined {
  const read = readPem(label, text);
  return read.kind === 'ok' ? read.value[0] : undefined;
}

/** Bytes as a block, ended by a line feed. */
export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
