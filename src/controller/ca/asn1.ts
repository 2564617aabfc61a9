// The values of ASN.1 that certificates are made of, in node-forge's terms. Bytes are its "binary
// strings" inside and Buffers outside.

import forge from 'node-forge';

const { asn1 } = forge;
const { Class, Type } = asn1;

export type Asn1 = forge.asn1.Asn1;

/** The object identifiers in use. */
export const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  ecdsaWithSha384: '1.2.840.10045.4.3.3',
  ecdsaWithSha512: '1.2.840.10045.4.3.4',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  sha384WithRsa: '1.2.840.113549.1.1.12',
  sha512WithRsa: '1.2.840.113549.1.1.13',
  organization: '2.5.4.10',
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

export function sequence(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, values);
}

export function set(...values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SET, true, values);
}

/** A value with a context tag around others. */
export function tagged(tag: number, ...values: Asn1[]): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, values);
}

/** A context tag in the place of a primitive's own. */
export function taggedBytes(tag: number, bytes: Buffer): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, false, bytes.toString('binary'));
}

export function oid(dotted: string): Asn1 {
  return primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
}

/** A positive integer from its shortest big-endian bytes. */
export function integer(bytes: Buffer): Asn1 {
  return primitive(Type.INTEGER, bytes.toString('binary'));
}

export function boolean(value: boolean): Asn1 {
  return primitive(Type.BOOLEAN, value ? '\xff' : '\x00');
}

export function nothing(): Asn1 {
  return primitive(Type.NULL, '');
}

export function utf8(text: string): Asn1 {
  return primitive(Type.UTF8, Buffer.from(text).toString('binary'));
}

export function octets(bytes: Buffer): Asn1 {
  return primitive(Type.OCTETSTRING, bytes.toString('binary'));
}

/** A bit string; `unused` bits at the end do not count. */
export function bits(bytes: Buffer, unused = 0): Asn1 {
  return primitive(Type.BITSTRING, String.fromCharCode(unused) + bytes.toString('binary'));
}

/** A time, in the form that RFC 5280 section 4.1.2.5 demands for its year. */
export function time(ms: number): Asn1 {
  const date = new Date(ms);
  return date.getUTCFullYear() < 2050
    ? primitive(Type.UTCTIME, String(asn1.dateToUtcTime(date)))
    : primitive(Type.GENERALIZEDTIME, String(asn1.dateToGeneralizedTime(date)));
}

export function toDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'binary');
}

/** Reads one value; throws on bytes that are none. Bit strings are left as they are. */
export function fromDer(bytes: Buffer): Asn1 {
  const options = { strict: true, parseAllBytes: true, decodeBitStrings: false };
  return asn1.fromDer(forge.util.createBuffer(bytes.toString('binary')), options as never);
}

/** The values inside a constructed one; empty for a primitive. */
export function parts(value: Asn1 | undefined): readonly Asn1[] {
  return Array.isArray(value?.value) ? value.value : [];
}

/** The bytes of a primitive; empty for a constructed value. */
export function bytesOf(value: Asn1 | undefined): Buffer {
  return Buffer.from(typeof value?.value === 'string' ? value.value : '', 'binary');
}

/** The dotted form of an object identifier; empty for anything else. */
export function oidText(value: Asn1 | undefined): string {
  if (value?.type !== Type.OID || typeof value.value !== 'string') return '';
  return asn1.derToOid(forge.util.createBuffer(value.value));
}

function primitive(type: forge.asn1.Type, bytes: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, bytes);
}
