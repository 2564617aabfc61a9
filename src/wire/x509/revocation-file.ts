// A file of revocation lists: PEM blocks of several issuers, or one list in DER (protocol section 5.7).

import type { Result } from '../result.ts';
import { readPem } from './pem.ts';
import { type RevocationList, readRevocationList } from './revocation-list.ts';

/** Longer files are not looked at: a ConfigMap holds one megabyte. */
const maxFileBytes = 4 * 1024 * 1024;
const sequenceTag = 0x30;

/** What a file holds: the lists that can be read, and what is wrong with the others. */
export interface RevocationFile {
  readonly lists: readonly RevocationList[];
  readonly problems: readonly string[];
}

/** Reads a file. A blank one holds no lists; one without any list in it is a problem. */
export function readRevocationFile(bytes: Uint8Array): RevocationFile {
  if (bytes.length > maxFileBytes) return broken(`it is longer than ${maxFileBytes} bytes`);
  if (bytes[0] === sequenceTag) return gather([readRevocationList(bytes)]);
  const text = Buffer.from(bytes).toString('latin1');
  if (text.trim() === '') return { lists: [], problems: [] };
  const blocks = readPem('X509 CRL', text);
  if (blocks.kind === 'problem') return broken(blocks.problem);
  if (blocks.value.length === 0) return broken('there is no block X509 CRL in it');
  return gather(blocks.value.map(readRevocationList));
}

function gather(read: readonly Result<RevocationList>[]): RevocationFile {
  return {
    lists: read.flatMap((one) => (one.kind === 'ok' ? [one.value] : [])),
    problems: read.flatMap((one, index) =>
      one.kind === 'ok' ? [] : [`list ${index + 1}: ${one.problem}`],
    ),
  };
}

function broken(problem: string): RevocationFile {
  return { lists: [], problems: [problem] };
}
