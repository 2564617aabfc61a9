// Revocation lists and workload certificates below authorities of the tests' own.

import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { type AuthorityMaterial, CertificateAuthority } from '../../src/controller/ca/authority.ts';
import { readSigningRequest } from '../../src/controller/ca/signing-request.ts';
import { createKeyAndRequest } from '../../src/dataplane/certificates/key-and-request.ts';
import { certificateFrom } from '../../src/dataplane/certificates/signing-client.ts';
import type { WorkloadCertificate } from '../../src/dataplane/certificates/workload-certificate.ts';
import type { Identity } from '../../src/mesh/identity.ts';
import { certificateFields } from '../../src/wire/x509/certificate-fields.ts';
import { contextTag, der, derOid, derTag } from '../../src/wire/x509/der.ts';
import { toPem } from '../../src/wire/x509/pem.ts';
import { type RevocationFile, readRevocationFile } from '../../src/wire/x509/revocation-file.ts';

const { sequence, integer, octetString, boolean, bitString, enumerated } = derTag;

export interface ListOptions {
  readonly thisUpdateMs?: number;
  readonly nextUpdateMs?: number;
  /** RFC 5280's number of the reason for every entry. */
  readonly reason?: number;
  /** Of the list: identifier, critical, content. */
  readonly extensions?: readonly (readonly [string, boolean, Uint8Array])[];
  /** Of every entry. */
  readonly entryExtensions?: readonly (readonly [string, boolean, Uint8Array])[];
  /** Who signs, if not the authority that the list names. */
  readonly signer?: AuthorityMaterial;
}

/** A list by an authority, in DER. Certificates are PEM. */
export function revocationList(
  by: AuthorityMaterial,
  revoked: readonly string[],
  options: ListOptions = {},
): Buffer {
  const { thisUpdateMs = Date.now() - 60_000, nextUpdateMs = Date.now() + 86_400_000 } = options;
  const algorithm = der(sequence, derOid('1.2.840.10045.4.3.2'));
  const { reason, entryExtensions = [] } = options;
  const ofEntry = [
    ...(reason === undefined
      ? []
      : [['2.5.29.21', false, der(enumerated, Uint8Array.of(reason))] as const]),
    ...entryExtensions,
  ];
  const entries = revoked.map((pem) =>
    der(
      sequence,
      der(integer, integerBytes(serialOf(pem))),
      time(thisUpdateMs),
      ...(ofEntry.length === 0 ? [] : [extensionList(ofEntry)]),
    ),
  );
  const { extensions = [] } = options;
  const body = der(
    sequence,
    der(integer, Uint8Array.of(1)),
    algorithm,
    certificateFields(new X509Certificate(by.certPem).raw)!.subject,
    time(thisUpdateMs),
    time(nextUpdateMs),
    ...(entries.length === 0 ? [] : [der(sequence, ...entries)]),
    ...(extensions.length === 0 ? [] : [der(contextTag(0), extensionList(extensions))]),
  );
  const signature = sign('sha256', body, createPrivateKey((options.signer ?? by).keyPem));
  return Buffer.from(der(sequence, body, algorithm, der(bitString, Uint8Array.of(0), signature)));
}

/** The same in PEM. */
export function revocationListPem(...how: Parameters<typeof revocationList>): string {
  return toPem('X509 CRL', revocationList(...how));
}

/** What a file with these lists says. */
export function fileOf(...lists: readonly Buffer[]): RevocationFile {
  return readRevocationFile(Buffer.from(lists.map((list) => toPem('X509 CRL', list)).join('')));
}

/** A workload's certificate with a new key. */
export async function issueTo(
  material: AuthorityMaterial,
  identity: Identity,
): Promise<WorkloadCertificate> {
  const { csrPem, privateKeyPem } = await createKeyAndRequest(identity);
  const read = readSigningRequest(csrPem);
  if (read.kind === 'problem') throw new Error(read.problem);
  const authority = new CertificateAuthority(material, 'test');
  const { publicKey } = read.value;
  const wanted = { publicKey, uris: [identity], ttlMs: 86_400_000 };
  const certChain = [...authority.issue(wanted, Date.now()), authority.rootPem];
  return certificateFrom(identity, privateKeyPem, { certChain });
}

/** The first certificate's serial number. */
export function serialOf(pem: string): string {
  return certificateFields(new X509Certificate(pem).raw)!.serial;
}

/** A positive number has a zero before a first bit that would make it negative, and no other (X.690
 * section 8.3.2), which OpenSSL insists on. */
function integerBytes(hex: string): Buffer {
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}

function extensionList(all: NonNullable<ListOptions['extensions']>): Uint8Array {
  return der(
    sequence,
    ...all.map(([oid, critical, value]) =>
      der(
        sequence,
        derOid(oid),
        ...(critical ? [der(boolean, Uint8Array.of(0xff))] : []),
        der(octetString, value),
      ),
    ),
  );
}

function time(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14);
  return der(derTag.utcTime, Buffer.from(`${text}Z`));
}
