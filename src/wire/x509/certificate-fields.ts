// The fields of a certificate (RFC 5280 section 4.1) that Node's own class does not give as bytes:
// names and serial numbers are compared as they are encoded, extensions are looked up by number.

import { contextTag, type DerValue, derOid, derTag, readDer } from './der.ts';

/** One extension's value, and whether those who do not know it must refuse. */
export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Extensions by object identifier, see `extensionKey`. */
export type Extensions = ReadonlyMap<string, Extension>;

export interface CertificateFields {
  /** See `serialText`. */
  readonly serial: string;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly extensions: Extensions;
}

/** Reads a certificate of version 3 in DER; undefined when it is none. */
export function certificateFields(certificate: Uint8Array): CertificateFields | undefined {
  const body = inside(inside(readDer(certificate)?.[0])?.[0]);
  // version [0], serialNumber, signature, issuer, validity, subject, key, ..., extensions [3]
  const [version, serial, , issuer, , subject] = body ?? [];
  if (version?.tag !== contextTag(0) || serial === undefined || subject === undefined) {
    return undefined;
  }
  const tagged = body?.find(({ tag }) => tag === contextTag(3));
  const extensions = readExtensions(inside(tagged)?.[0]);
  if (issuer === undefined || extensions === undefined) return undefined;
  return {
    serial: serialText(serial),
    issuer: issuer.raw,
    subject: subject.raw,
    extensions,
  };
}

/** The extensions of a certificate, a list or an entry of one; undefined when they are malformed. */
export function readExtensions(list: DerValue | undefined): Extensions | undefined {
  const found = new Map<string, Extension>();
  if (list === undefined) return found;
  const values = inside(list);
  if (values === undefined) return undefined;
  for (const one of values) {
    const fields = inside(one);
    const [oid] = fields ?? [];
    const value = fields?.at(-1);
    if (oid?.tag !== derTag.oid || value?.tag !== derTag.octetString) return undefined;
    const flag = fields?.find(({ tag }) => tag === derTag.boolean);
    const critical = flag !== undefined && flag.content[0] !== 0;
    found.set(hex(oid.content), { critical, value: value.content });
  }
  return found;
}

/** How an object identifier is written as a key of `Extensions`. */
export function extensionKey(dotted: string): string {
  return hex(derOid(dotted).subarray(2));
}

/** A serial number as hexadecimal digits in upper case, without the zero bytes that only say that it is
 * positive. */
export function serialText({ content }: DerValue): string {
  const start = content.findIndex((byte) => byte !== 0);
  return start === -1 ? '00' : hex(content.subarray(start));
}

const keyUsage = extensionKey('2.5.29.15');
/** Bit 6 of KeyUsage (RFC 5280 section 4.2.1.3). */
const cRlSign = 0x02;

/** Whether a certificate's key may sign revocation lists: unless its usage is limited to others. */
export function maySignLists({ extensions }: CertificateFields): boolean {
  const usage = extensions.get(keyUsage);
  if (usage === undefined) return true;
  const bits = readDer(usage.value)?.[0];
  return bits?.tag === derTag.bitString && ((bits.content[1] ?? 0) & cRlSign) !== 0;
}

/** The values inside a constructed one; undefined when there are none that can be read. */
export function inside(value: DerValue | undefined): readonly DerValue[] | undefined {
  return value === undefined || (value.tag & 0x20) === 0 ? undefined : readDer(value.content);
}

const attributeNames = new Map(
  [
    ['2.5.4.3', 'CN'],
    ['2.5.4.6', 'C'],
    ['2.5.4.7', 'L'],
    ['2.5.4.8', 'ST'],
    ['2.5.4.10', 'O'],
    ['2.5.4.11', 'OU'],
  ].map(([dotted = '', name = '']) => [extensionKey(dotted), name]),
);

/** A name for people: `CN=…,O=…`. Attributes other than the usual ones are shown by number bytes. */
export function nameText(name: Uint8Array): string {
  const sets = inside(readDer(name)?.[0]) ?? [];
  const texts = sets
    .flatMap((set) => inside(set) ?? [])
    .map((attribute) => {
      const [oid, value] = inside(attribute) ?? [];
      const key = oid === undefined ? '' : hex(oid.content);
      return `${attributeNames.get(key) ?? key}=${Buffer.from(value?.content ?? []).toString()}`;
    });
  return texts.join(',');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
