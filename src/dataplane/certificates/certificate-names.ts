// The SPIFFE identities in a certificate. Read from its bytes rather than from Node's text form of the
// names, which quotes and escapes (and once did not).

import { type Identity, parseIdentity } from '../../mesh/identity.ts';
import { contextTag, type DerValue, derOid, derTag, readDer } from './der.ts';

const subjectAltName = Buffer.from(derOid('2.5.29.17'));
/** GeneralName `uniformResourceIdentifier` (RFC 5280 section 4.2.1.6). */
const uriTag = 0x86;

/** The URI names of a certificate in DER, in order; none when it is unreadable. */
export function uriNamesOf(certificate: Uint8Array): readonly string[] {
  const tbs = first(readDer(first(readDer(certificate), derTag.sequence)), derTag.sequence);
  const extensions = readDer(first(readDer(first(readDer(tbs), contextTag(3))), derTag.sequence));
  for (const extension of extensions ?? []) {
    const fields = readDer(extension.content) ?? [];
    const oid = fields[0]?.content;
    if (oid === undefined || !subjectAltName.subarray(2).equals(oid)) continue;
    const names = readDer(first(readDer(first(fields, derTag.octetString)), derTag.sequence));
    return (names ?? [])
      .filter((name) => name.tag === uriTag)
      .map((name) => Buffer.from(name.content).toString('latin1'));
  }
  return [];
}

/** Every identity among the URI names; the first is the certificate's own (protocol section 3.1). */
export function identitiesOf(certificate: Uint8Array): readonly Identity[] {
  return uriNamesOf(certificate)
    .map(parseIdentity)
    .filter((identity) => identity !== undefined);
}

function first(values: readonly DerValue[] | undefined, tag?: number): Uint8Array {
  const found = values?.find((value) => tag === undefined || value.tag === tag);
  return found?.content ?? new Uint8Array();
}
