// Reading what a foreign name server answered, as far as an alias of the cluster needs it.

import { ipFromBytes } from '../../mesh/address.ts';
import { type DnsRecord, recordTypes } from './message.ts';
import { readName } from './name.ts';

/** More records of one answer are not read. */
const maxAnswers = 64;

/** The response code and the addresses and aliases among the answers; undefined when the message is
 * malformed. */
export function readAnswers(
  bytes: Uint8Array,
): { readonly code: number; readonly records: DnsRecord[] } | undefined {
  if (bytes.length < 12) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const question = view.getUint16(4) === 1 ? readName(bytes, 12, { compressed: false }) : undefined;
  if (question === undefined) return undefined;
  const records: DnsRecord[] = [];
  let at = question.next + 4;
  for (let left = Math.min(view.getUint16(6), maxAnswers); left > 0; left--) {
    const name = readName(bytes, at, { compressed: true });
    if (name === undefined || name.next + 10 > bytes.length) return undefined;
    const start = name.next + 10;
    const end = start + view.getUint16(name.next + 8);
    if (end > bytes.length) return undefined;
    const body = readBody(bytes, view.getUint16(name.next), start, end);
    const ttlSeconds = view.getUint32(name.next + 4);
    if (body === 'malformed') return undefined;
    if (body !== undefined) records.push({ name: name.labels, ttlSeconds, body });
    at = end;
  }
  return { code: view.getUint16(2) & 15, records };
}

function readBody(
  bytes: Uint8Array,
  type: number,
  start: number,
  end: number,
): DnsRecord['body'] | 'malformed' | undefined {
  if (type === recordTypes.A || type === recordTypes.AAAA) {
    const right = end - start === (type === recordTypes.A ? 4 : 16);
    const address = right ? ipFromBytes(bytes.subarray(start, end)) : undefined;
    if (address === undefined) return 'malformed';
    // An IPv4-mapped address has become IPv4: it is no answer to a question for IPv6.
    if (address.includes(':') !== (type === recordTypes.AAAA)) return undefined;
    return { type: type === recordTypes.A ? 'A' : 'AAAA', address };
  }
  if (type !== recordTypes.CNAME) return undefined;
  const target = readName(bytes, start, { compressed: true });
  if (target === undefined || target.next !== end) return 'malformed';
  return { type: 'CNAME', target: target.labels };
}
