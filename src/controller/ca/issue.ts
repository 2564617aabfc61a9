// Certificates (RFC 5280) in Istio's form (protocol section 5.5). Pure apart from the serial number.

import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { certificateFields, extensionKey } from '../../wire/x509/certificate-fields.ts';
import { readDer } from '../../wire/x509/der.ts';
import { toPem } from '../../wire/x509/pem.ts';
import {
  type Asn1,
  bits,
  boolean,
  bytesOf,
  fromDer,
  integer,
  nothing,
  octets,
  oid,
  oids,
  parts,
  sequence,
  set,
  tagged,
  taggedBytes,
  time,
  toDer,
  utf8,
} from './asn1.ts';

const subjectKeyIdentifier = extensionKey(oids.subjectKeyIdentifier);

/** Who signs. */
export interface Issuer {
  /** The DER of its subject. */
  readonly name: Uint8Array;
  readonly key: KeyObject;
  /** The subject key identifier in its certificate, empty when there is none; made from the key by
   * default. Verifiers find no issuer where the two certificates differ in it. */
  readonly keyId?: Uint8Array;
}

/** What a certificate says. */
export interface CertificateFacts {
  readonly publicKey: KeyObject;
  /** DER of the subject; empty when the names below are the subject. */
  readonly subject?: Buffer;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly authority: boolean;
  /** 16 random bytes. */
  readonly serial: Buffer;
}

/** A name with an organization, as Istio's roots have it. */
export function organizationName(organization: string): Buffer {
  return toDer(sequence(set(sequence(oid(oids.organization), utf8(organization)))));
}

/** A certificate's authority to issue others, with its key. Throws on what is no certificate. */
export function issuerOf(certificateDer: Uint8Array, key: KeyObject): Issuer {
  const fields = certificateFields(certificateDer);
  if (fields === undefined) throw new TypeError('not a certificate of version 3');
  const extension = fields.extensions.get(subjectKeyIdentifier);
  const keyId = extension && readDer(extension.value)?.[0]?.content;
  return { name: fields.subject, key, keyId: keyId ?? new Uint8Array() };
}

/** Makes a certificate, as PEM. */
export function issueCertificate(facts: CertificateFacts, issuer: Issuer): string {
  const algorithm = signatureAlgorithm(issuer.key);
  const subject = facts.subject ?? toDer(sequence());
  const body = sequence(
    tagged(0, integer(Buffer.from([2]))),
    integer(positive(facts.serial)),
    algorithm,
    fromDer(Buffer.from(issuer.name)),
    sequence(time(facts.notBeforeMs), time(facts.notAfterMs)),
    fromDer(subject),
    fromDer(spki(facts.publicKey)),
    tagged(3, sequence(...extensions(facts, issuer))),
  );
  const signature = sign('sha256', toDer(body), issuer.key);
  return toPem('CERTIFICATE', toDer(sequence(body, algorithm, bits(signature))));
}

function extensions(facts: CertificateFacts, issuer: Issuer): Asn1[] {
  const names = [
    ...(facts.uris ?? []).map((uri) => taggedBytes(6, Buffer.from(uri))),
    ...(facts.dnsNames ?? []).map((name) => taggedBytes(2, Buffer.from(name))),
  ];
  const usage = facts.authority
    ? bits(Buffer.from([0x06]), 1) // keyCertSign, cRLSign
    : bits(Buffer.from([0xa0]), 5); // digitalSignature, keyEncipherment
  const issuerKeyId = issuer.keyId ?? keyId(createPublicKey(issuer.key));
  const purposes = sequence(oid(oids.serverAuth), oid(oids.clientAuth));
  return [
    extension(oids.keyUsage, true, usage),
    ...(facts.authority ? [] : [extension(oids.extendedKeyUsage, false, purposes)]),
    extension(oids.basicConstraints, true, sequence(...(facts.authority ? [boolean(true)] : []))),
    extension(oids.subjectKeyIdentifier, false, octets(keyId(facts.publicKey))),
    ...(issuerKeyId.length === 0
      ? []
      : [
          extension(
            oids.authorityKeyIdentifier,
            false,
            sequence(taggedBytes(0, Buffer.from(issuerKeyId))),
          ),
        ]),
    // RFC 5280 section 4.2.1.6: critical when there is no subject.
    ...(names.length === 0
      ? []
      : [extension(oids.subjectAltName, facts.subject === undefined, sequence(...names))]),
  ];
}

function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  const wrapped = octets(toDer(value));
  return critical ? sequence(oid(id), boolean(true), wrapped) : sequence(oid(id), wrapped);
}

function signatureAlgorithm(key: KeyObject): Asn1 {
  return key.asymmetricKeyType === 'rsa'
    ? sequence(oid(oids.sha256WithRsa), nothing())
    : sequence(oid(oids.ecdsaWithSha256));
}

/** The shortest form of a positive integer: its first byte is from 0x40 to 0x7f. */
function positive(serial: Buffer): Buffer {
  const bytes = Buffer.from(serial);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** RFC 5280 section 4.2.1.2, method 1: of the key's bits alone. */
function keyId(key: KeyObject): Buffer {
  const [, keyBits] = parts(fromDer(spki(key)));
  // The first byte of a bit string counts unused bits.
  return createHash('sha1').update(bytesOf(keyBits).subarray(1)).digest();
}
