// Whether a certificate proves a name (RFC 9525), by its alternative names alone: the subject's common
// name has no say.

import type { X509Certificate } from 'node:crypto';
import { dnsNamesOf, uriNamesOf } from '../../dataplane/certificates/certificate-names.ts';
import { parseIp } from '../../mesh/address.ts';

/** The name is a DNS name, a URI or an address. A DNS name may also be proved by a wildcard for it, and
 * one with a wildcard by itself only. */
export function provesName(certificate: X509Certificate, name: string): boolean {
  if (name === '') return false;
  const address = parseIp(name);
  if (address !== undefined) return certificate.checkIP(address) !== undefined;
  if (name.includes('://')) return uriNamesOf(certificate.raw).includes(name);
  const wanted = withoutRootDot(name);
  if (dnsNamesOf(certificate.raw).some((own) => withoutRootDot(own) === wanted)) return true;
  // OpenSSL takes a leading dot for "any host below".
  if (wanted.startsWith('.') || wanted.includes('*')) return false;
  const how = { subject: 'never', wildcards: true, partialWildcards: false } as const;
  return certificate.checkHost(wanted, how) !== undefined;
}

function withoutRootDot(name: string): string {
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
