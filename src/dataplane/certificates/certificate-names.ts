// The SPIFFE identities in a certificate. Read from its bytes rather than from Node's text form of the
// names, which quotes and escapes (and once did not).

import { type Identity, parseIdentity } from '../../mesh/identity.ts';
import { certificateFields, extensionKey, inside } from '../../wire/x509/certificate-fields.ts';
import { readDer } from '../../wire/x509/der.ts';

const subjectAltName = extensionKey('2.5.29.17');
/** Tags of GeneralName (RFC 5280 section 4.2.1.6). */
const nameTags = { dns: 0x82, uri: 0x86 } as const;

/** The URI names of a certificate in DER, in order; none when it is unreadable. */
export function uriNamesOf(certificate: Uint8Array): readonly string[] {
  return namesOf(certificate, 'uri');
}

/** The DNS names of a certificate in DER, as they stand there. */
export function dnsNamesOf(certificate: Uint8Array): readonly string[] {
  return namesOf(certificate, 'dns');
}

function namesOf(certificate: Uint8Array, kind: keyof typeof nameTags): readonly string[] {
  const extension = certificateFields(certificate)?.extensions.get(subjectAltName);
  if (extension === undefined) return [];
  return (inside(readDer(extension.value)?.[0]) ?? [])
    .filter((name) => name.tag === nameTags[kind])
    .map((name) => Buffer.from(name.content).toString('latin1'));
}

/** Every identity among the URI names; the first is the certificate's own (protocol section 3.1). */
export function identitiesOf(certificate: Uint8Array): readonly Identity[] {
  return uriNamesOf(certificate)
    .map(parseIdentity)
    .filter((identity) => identity !== undefined);
}
