// Whether the first bytes of a connection are HTTP (features section 0.5). Pure.

import { METHODS as methods } from 'node:http';
import { maxSniffedBytes } from '../limits.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** What the bytes are; `more` when they do not tell yet. */
export type Sniffed = 'http1' | 'http2' | 'other' | 'more';

/** Judges all bytes received so far. */
export function sniff(bytes: Uint8Array): Sniffed {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .subarray(0, maxSniffedBytes)
    .toString('latin1');
  if (text.startsWith(preface)) return 'http2';
  if (preface.startsWith(text)) return 'more';
  const space = text.indexOf(' ');
  if (space === -1) {
    return methods.some((method) => method.startsWith(text)) ? 'more' : 'other';
  }
  if (!methods.includes(text.slice(0, space))) return 'other';
  // One without a CR is no HTTP, and told so rather than passed on as something else.
  const end = text.indexOf('\n');
  if (end === -1) return text.length < maxSniffedBytes ? 'more' : 'http1';
  return / HTTP\/1\.[01]\r?$/.test(text.slice(0, end)) ? 'http1' : 'other';
}

/** Judges the bytes on a port that is declared to carry HTTP: only the version is open. */
export function sniffVersion(bytes: Uint8Array): 'http1' | 'http2' | 'more' {
  const text = Buffer.from(bytes).subarray(0, preface.length).toString('latin1');
  if (text === preface) return 'http2';
  return preface.startsWith(text) ? 'more' : 'http1';
}
