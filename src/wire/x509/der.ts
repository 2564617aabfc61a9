// The little of DER (X.690) that is needed here: writing signing requests, and walking through
// certificates and revocation lists.

/** One value: its tag byte, all of its bytes, and those after tag and length. */
export interface DerValue {
  readonly tag: number;
  readonly raw: Uint8Array;
  readonly content: Uint8Array;
}

/** Deeper or longer input than any certificate has is refused. */
const maxLengthBytes = 4;

/** Reads the values that fill `bytes`; undefined when they are not well formed. */
export function readDer(bytes: Uint8Array): readonly DerValue[] | undefined {
  const values: DerValue[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset;
    const tag = bytes[offset] ?? 0;
    let length = bytes[offset + 1];
    if (length === undefined || (tag & 0x1f) === 0x1f) return undefined;
    offset += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > maxLengthBytes || offset + count > bytes.length) return undefined;
      length = 0;
      for (const byte of bytes.subarray(offset, offset + count)) length = length * 256 + byte;
      offset += count;
    }
    if (offset + length > bytes.length) return undefined;
    const content = bytes.subarray(offset, offset + length);
    offset += length;
    values.push({ tag, raw: bytes.subarray(start, offset), content });
  }
  return values;
}

/** Reads UTCTime and GeneralizedTime in the forms that RFC 5280 section 4.1.2.5 allows, as milliseconds
 * since 1970; undefined for anything else. */
export function readDerTime({ tag, content }: DerValue): number | undefined {
  const text = Buffer.from(content).toString('latin1');
  const pattern = tag === derTag.utcTime ? /^(\d{2})(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/;
  const [, year = '', rest = ''] = pattern.exec(text) ?? [];
  if (year === '' || (tag !== derTag.utcTime && tag !== derTag.generalizedTime)) return undefined;
  const full = year.length === 4 ? year : `${Number(year) < 50 ? '20' : '19'}${year}`;
  const [month, day, hour, minute, second] = rest.match(/../g) ?? [];
  const ms = Date.parse(`${full}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** One value with a tag; the parts are its content. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const { length } = content;
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest & 255);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | bytes.length, ...bytes];
  return Buffer.concat([Uint8Array.from(header), content]);
}

/** An object identifier in dotted form as a value. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const septets = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) septets.unshift((high & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return der(0x06, Uint8Array.from(bytes));
}

/** Tags in use. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific constructed value. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}
