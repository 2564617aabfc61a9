// The certificates that an end of a tunnel has shown, in the form in which revocation is judged.

import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type CertificateFields, certificateFields } from '../../wire/x509/certificate-fields.ts';
import { readPem } from '../../wire/x509/pem.ts';
import { identitiesOf } from './certificate-names.ts';

/** Longer chains are looked at no further; TLS accepts none as long. */
const maxLinks = 16;

/** A certificate with the fields by which lists name it. */
export interface Link {
  readonly certificate: X509Certificate;
  readonly fields: CertificateFields;
}

/** What a peer has shown, leaf first; undefined when a certificate can not be read. */
export function peerChain(socket: TLSSocket): readonly Link[] | undefined {
  const certificates: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && certificates.length < maxLinks) {
    certificates.push(next);
    next = next.issuerCertificate;
  }
  return certificates.length === 0 ? undefined : linksOf(certificates);
}

/** The certificates of a PEM text; undefined when one can not be read. */
export function chainIn(pem: string): readonly Link[] | undefined {
  const read = readPem('CERTIFICATE', pem);
  if (read.kind === 'problem') return undefined;
  try {
    return linksOf(read.value.map((der) => new X509Certificate(der)));
  } catch {
    return undefined;
  }
}

/** How a certificate is named to people. */
export function linkText({ certificate, fields }: Link): string {
  const [identity] = identitiesOf(certificate.raw);
  const name = identity ?? certificate.subject.replaceAll('\n', ',');
  return `${name} (serial number ${fields.serial})`;
}

function linksOf(certificates: readonly X509Certificate[]): readonly Link[] | undefined {
  const links: Link[] = [];
  for (const certificate of certificates) {
    const fields = certificateFields(certificate.raw);
    if (fields === undefined) return undefined;
    links.push({ certificate, fields });
  }
  return links;
}
