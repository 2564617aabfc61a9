// DNS messages (RFC 1035, section 4; EDNS of RFC 6891 as far as message sizes go).

import { ipToBytes, parseIp } from '../../mesh/address.ts';
import { encodeName, formatName, type Labels, readName } from './name.ts';

export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  DS: 43,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  CAA: 257,
} as const;

/** The lower-case name of a record type, as Istio's metrics have it; `unknown` for rare ones. */
export function nameOfType(type: number): string {
  const found = Object.entries(recordTypes).find(([, number]) => number === type);
  return found?.[0].toLowerCase() ?? 'unknown';
}

export const responseCodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;
export type ResponseCode = (typeof responseCodes)[keyof typeof responseCodes];

const classInternet = 1;
const classAny = 255;
export const headerBytes = 12;
/** Without EDNS (RFC 1035, section 4.2.1). */
const plainUdpBytes = 512;
/** The largest UDP answer: what fits every path without fragments (DNS flag day 2020). */
const maxUdpBytes = 1232;
const maxTcpBytes = 65_535;
/** A query carries at most an OPT and a signature. */
const maxExtraRecords = 4;

/** What is asked. */
export interface Question {
  readonly name: Labels;
  readonly type: number;
}

/** A query that can be answered. */
export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly question: Question;
  /** The question as it came, since answers repeat its letter case. */
  readonly questionBytes: Uint8Array;
  /** The sender's EDNS payload size; undefined without EDNS. */
  readonly udpSize: number | undefined;
}

export type ParsedQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** A query that is answered with an error. */
  | { readonly kind: 'bad'; readonly id: number; readonly code: ResponseCode }
  /** An answer. Answering it could make two servers talk to each other for ever. */
  | { readonly kind: 'response'; readonly id: number }
  /** Too short to have an id. */
  | { readonly kind: 'ignore' };

/** Data of a record that we make. */
export type RecordBody =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'PTR' | 'NS'; readonly target: Labels }
  | { readonly type: 'SRV'; readonly port: number; readonly target: Labels }
  | { readonly type: 'TXT'; readonly text: string }
  | { readonly type: 'SOA'; readonly zone: Labels; readonly negativeTtl: number };

/** A record that we make. */
export interface DnsRecord {
  readonly name: Labels;
  readonly ttlSeconds: number;
  readonly body: RecordBody;
}

/** What an answer consists of. */
export interface Response {
  readonly code: ResponseCode;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority?: readonly DnsRecord[];
  readonly additional?: readonly DnsRecord[];
}

/** Reads a query. Never throws and never reads beyond the bytes. */
export function parseQuery(bytes: Uint8Array): ParsedQuery {
  if (bytes.length < headerBytes) return { kind: 'ignore' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const id = view.getUint16(0);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) !== 0) return { kind: 'response', id };
  const bad = (code: ResponseCode): ParsedQuery => ({ kind: 'bad', id, code });
  if ((flags & 0x7800) !== 0) return bad(responseCodes.notImplemented);
  const [questions, answers, authorities, extras] = [4, 6, 8, 10].map((at) => view.getUint16(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0) return bad(responseCodes.formatError);
  // Nothing stands before the first name that a pointer could lead to.
  const name = readName(bytes, headerBytes, { compressed: false });
  if (name === undefined || name.next + 4 > bytes.length) return bad(responseCodes.formatError);
  const type = view.getUint16(name.next);
  const recordClass = view.getUint16(name.next + 2);
  if (recordClass !== classInternet && recordClass !== classAny) return bad(responseCodes.refused);
  const udpSize = readPayloadSize(bytes, name.next + 4, extras ?? 0);
  if (udpSize === 'malformed') return bad(responseCodes.formatError);
  return {
    kind: 'query',
    query: {
      id,
      recursionDesired: (flags & 0x0100) !== 0,
      question: { name: name.labels, type },
      questionBytes: bytes.slice(headerBytes, name.next + 4),
      udpSize,
    },
  };
}

function readPayloadSize(
  bytes: Uint8Array,
  start: number,
  count: number,
): number | undefined | 'malformed' {
  if (count > maxExtraRecords) return 'malformed';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: number | undefined;
  let at = start;
  for (let record = 0; record < count; record++) {
    const name = readName(bytes, at, { compressed: true });
    if (name === undefined || name.next + 10 > bytes.length) return 'malformed';
    if (view.getUint16(name.next) === recordTypes.OPT) size = view.getUint16(name.next + 2);
    at = name.next + 10 + view.getUint16(name.next + 8);
    if (at > bytes.length) return 'malformed';
  }
  return size;
}

/** The answer to a query. Over UDP what does not fit is left out and TC set, so that the client asks
 * again over TCP (RFC 2181, section 9). */
export function buildResponse(query: Query, response: Response, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? maxTcpBytes : udpLimit(query);
  const opt = query.udpSize === undefined ? Buffer.alloc(0) : optRecord(query.udpSize);
  const offsets = new Map([[formatName(query.question.name), headerBytes]]);
  const encode = (record: DnsRecord): Buffer => encodeRecord(record, offsets);
  const sections = [response.answers, response.authority ?? [], response.additional ?? []];
  let room = limit - headerBytes - query.questionBytes.length - opt.length;
  let truncated = false;
  const kept = sections.map((records, section) => {
    const parts: Buffer[] = [];
    for (const part of records.map(encode)) {
      if (truncated || part.length > room) {
        // What is missing from the additional section is no loss (RFC 2181, section 9).
        truncated ||= section < 2;
        break;
      }
      room -= part.length;
      parts.push(part);
    }
    return parts;
  });
  const counts = kept.map((parts) => parts.length);
  const extra = (counts[2] ?? 0) + (opt.length > 0 ? 1 : 0);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(query.id, 0);
  header.writeUInt16BE(responseFlags(query, response, truncated), 2);
  for (const [index, count] of [1, counts[0] ?? 0, counts[1] ?? 0, extra].entries()) {
    header.writeUInt16BE(count, 4 + index * 2);
  }
  return Buffer.concat([header, query.questionBytes, ...kept.flat(), opt]);
}

/** A query of our own, with recursion desired and id 0. */
export function encodeQuery(question: Question): { bytes: Buffer; questionBytes: Buffer } {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const name = encodeName(question.name);
  const kind = Buffer.of(question.type >> 8, question.type & 255, 0, classInternet);
  const questionBytes = Buffer.concat([name, kind]);
  return { bytes: Buffer.concat([header, questionBytes]), questionBytes };
}

/** An answer to something that has no readable question. */
export function buildError(id: number, code: ResponseCode): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x8000 | code, 2);
  return header;
}

function udpLimit(query: Query): number {
  return Math.min(Math.max(query.udpSize ?? plainUdpBytes, plainUdpBytes), maxUdpBytes);
}

function responseFlags(query: Query, response: Response, truncated: boolean): number {
  return (
    0x8000 |
    (response.authoritative ? 0x0400 : 0) |
    (truncated ? 0x0200 : 0) |
    (query.recursionDesired ? 0x0100 : 0) |
    0x0080 |
    response.code
  );
}

/** Empty name, the client's payload size, no extended flags, no options. */
function optRecord(clientSize: number): Buffer {
  const bytes = Buffer.alloc(11);
  bytes.writeUInt16BE(recordTypes.OPT, 1);
  bytes.writeUInt16BE(Math.max(clientSize, plainUdpBytes), 3);
  return bytes;
}

/** Owner names that equal the question are written as a pointer to it; all else is plain. */
function encodeRecord(record: DnsRecord, offsets: ReadonlyMap<string, number>): Buffer {
  const offset = offsets.get(formatName(record.name));
  const name =
    offset === undefined ? encodeName(record.name) : Buffer.of(0xc0 | (offset >> 8), offset & 255);
  const body = encodeBody(record.body);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(recordTypes[record.body.type], 0);
  fixed.writeUInt16BE(classInternet, 2);
  fixed.writeUInt32BE(record.ttlSeconds, 4);
  fixed.writeUInt16BE(body.length, 8);
  return Buffer.concat([name, fixed, body]);
}

function encodeBody(body: RecordBody): Buffer {
  switch (body.type) {
    case 'A':
    case 'AAAA': {
      const address = parseIp(body.address);
      return address === undefined ? Buffer.alloc(0) : Buffer.from(ipToBytes(address));
    }
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return encodeName(body.target);
    case 'SRV':
      // Priority 0; equal weights.
      return Buffer.concat([
        Buffer.of(0, 0, 0, 100, body.port >> 8, body.port & 255),
        encodeName(body.target),
      ]);
    case 'TXT': {
      const text = Buffer.from(body.text).subarray(0, 255);
      return Buffer.concat([Buffer.of(text.length), text]);
    }
    case 'SOA':
      return encodeSoa(body.zone, body.negativeTtl);
  }
}

/** RFC 1035, section 3.3.13. Nobody copies this zone, so only the last number, how long "no such name"
 * may be remembered (RFC 2308), means something. */
function encodeSoa(zone: Labels, negativeTtl: number): Buffer {
  const numbers = Buffer.alloc(20);
  for (const [index, number] of [1, 7_200, 1_800, 86_400, negativeTtl].entries()) {
    numbers.writeUInt32BE(number, index * 4);
  }
  return Buffer.concat([
    encodeName(['ns', 'dns', ...zone]),
    encodeName(['hostmaster', ...zone]),
    numbers,
  ]);
}
