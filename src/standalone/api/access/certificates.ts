// X.509 certificates on ECDSA P-256 (RFC 5280, RFC 5480). The ASN.1 is built by node-forge, which does
// not sign with EC keys; keys and signatures are those of node:crypto.

import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import net from 'node:net';

import forge from 'node-forge';

const { asn1 } = forge;
const { Class, Type } = asn1;
type Asn1 = forge.asn1.Asn1;

const oid = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** What a certificate says. */
export interface CertificateRequest {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly issuerName: string;
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Names and addresses of a server; a certificate authority has none. */
  readonly hosts: readonly string[] | undefined;
}

/** Makes a certificate, as PEM: a server's when `hosts` is given, otherwise an authority's. */
export function makeCertificate(request: CertificateRequest): string {
  const algorithm = sequence([objectId(oid.ecdsaWithSha256)]);
  const serial = randomBytes(16);
  // A positive INTEGER with its shortest encoding: first byte from 0x01 to 0x7f.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const tbs = sequence([
    context(0, [primitive(Type.INTEGER, '\x02')]),
    primitive(Type.INTEGER, serial.toString('binary')),
    algorithm,
    nameOf(request.issuerName),
    sequence([timeOf(request.notBefore), timeOf(request.notAfter)]),
    nameOf(request.commonName),
    fromDer(spki(request.publicKey)),
    context(3, [sequence(extensionsOf(request))]),
  ]);
  const bytes = Buffer.from(asn1.toDer(tbs).getBytes(), 'binary');
  const signature = sign('sha256', bytes, request.issuerKey).toString('binary');
  const certificate = sequence([tbs, algorithm, primitive(Type.BITSTRING, `\x00${signature}`)]);
  const der = Buffer.from(asn1.toDer(certificate).getBytes(), 'binary');
  const lines = der.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function extensionsOf(request: CertificateRequest): Asn1[] {
  const { hosts } = request;
  const authority = hosts === undefined;
  const issuerPublic = createPublicKey(request.issuerKey);
  const extensions = [
    extension(oid.basicConstraints, true, sequence(authority ? [boolean(true)] : [])),
    // keyCertSign and cRLSign, or digitalSignature.
    extension(oid.keyUsage, true, primitive(Type.BITSTRING, authority ? '\x01\x06' : '\x07\x80')),
    extension(
      oid.subjectKeyIdentifier,
      false,
      primitive(Type.OCTETSTRING, keyId(request.publicKey)),
    ),
    extension(
      oid.authorityKeyIdentifier,
      false,
      sequence([asn1.create(Class.CONTEXT_SPECIFIC, 0, false, keyId(issuerPublic))]),
    ),
  ];
  if (hosts !== undefined) {
    extensions.push(
      extension(oid.extendedKeyUsage, false, sequence([objectId(oid.serverAuth)])),
      extension(oid.subjectAltName, false, sequence(hosts.map(alternativeName))),
    );
  }
  return extensions;
}

function alternativeName(host: string): Asn1 {
  if (net.isIP(host) === 0) return asn1.create(Class.CONTEXT_SPECIFIC, 2, false, host);
  return asn1.create(Class.CONTEXT_SPECIFIC, 7, false, addressBytes(host).toString('binary'));
}

/** The bytes of an IP address. */
function addressBytes(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const gap = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const all = tail === undefined ? front : [...front, ...gap, ...back];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyId(key: KeyObject): string {
  return createHash('sha1').update(spki(key)).digest().toString('binary');
}

function nameOf(commonName: string): Asn1 {
  return sequence([
    attribute(oid.organization, 'Ambit laptop mode'),
    attribute(oid.commonName, commonName),
  ]);
}

function attribute(type: string, value: string): Asn1 {
  const pair = sequence([objectId(type), primitive(Type.UTF8, value)]);
  return asn1.create(Class.UNIVERSAL, Type.SET, true, [pair]);
}

function timeOf(date: Date): Asn1 {
  return primitive(Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date) as string);
}

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  const wrapped = primitive(Type.OCTETSTRING, asn1.toDer(value).getBytes());
  return sequence(critical ? [objectId(id), boolean(true), wrapped] : [objectId(id), wrapped]);
}

function sequence(values: Asn1[]): Asn1 {
  return asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, values);
}

function context(tag: number, values: Asn1[]): Asn1 {
  return asn1.create(Class.CONTEXT_SPECIFIC, tag, true, values);
}

function primitive(type: forge.asn1.Type, value: string): Asn1 {
  return asn1.create(Class.UNIVERSAL, type, false, value);
}

function boolean(value: boolean): Asn1 {
  return primitive(Type.BOOLEAN, value ? '\xff' : '\x00');
}

function objectId(id: string): Asn1 {
  return primitive(Type.OID, asn1.oidToDer(id).getBytes());
}

function fromDer(bytes: Buffer): Asn1 {
  return asn1.fromDer(bytes.toString('binary'));
}
