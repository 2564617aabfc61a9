// Whether a chain of certificates has a revoked link, by the lists that are known (RFC 5280 section 6.3).
// A certificate on no list counts as good, and so does one whose issuer's list is missing or is not
// signed by that issuer: unknown status is let in, as Istio's node proxy does (protocol section 5.7).

import { type KeyObject, verify } from 'node:crypto';
import { maySignLists } from '../../wire/x509/certificate-fields.ts';
import type { RevocationList, RevokedEntry } from '../../wire/x509/revocation-list.ts';
import type { Link } from './certificate-chain.ts';

/** A revoked link and the list that says so. */
export interface Revocation {
  readonly link: Link;
  readonly list: RevocationList;
  readonly entry: RevokedEntry;
}

/** A list with what is already known of its signature. */
export interface KnownList {
  readonly list: RevocationList;
  /** By the fingerprint of an issuer's certificate. */
  readonly signedBy: Map<string, boolean>;
}

/** Lists by the name of their issuer, see `nameKey`. */
export type ListsByIssuer = ReadonlyMap<string, readonly KnownList[]>;

/** A name as a key. */
export function nameKey(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1');
}

/** The first revoked link. `roots` are the certificates that are trusted; links among them that are no
 * roots themselves are judged too. `onForeign` is told of a list that bears the name of a link's
 * issuer and is not signed by it. */
export function judgeChain(
  chain: readonly Link[],
  roots: readonly Link[],
  lists: ListsByIssuer,
  onForeign: (list: KnownList) => void,
): Revocation | undefined {
  if (lists.size === 0) return undefined;
  const pool = [...chain, ...roots];
  const pending = [...chain];
  for (const link of pending) {
    const { fields, certificate } = link;
    const issuerKey = nameKey(fields.issuer);
    if (issuerKey === nameKey(fields.subject)) continue;
    const namesakes = pool.filter((one) => nameKey(one.fields.subject) === issuerKey);
    const issuers = namesakes.filter((one) => certificate.verify(one.certificate.publicKey));
    pending.push(...issuers.filter((issuer) => !pending.includes(issuer)));
    for (const known of lists.get(issuerKey) ?? []) {
      const entry = known.list.revoked.get(fields.serial);
      if (issuers.some((issuer) => isSignedBy(known, issuer))) {
        if (entry !== undefined) return { link, list: known.list, entry };
      } else if (!namesakes.some((one) => isSignedBy(known, one))) onForeign(known);
    }
  }
  return undefined;
}

function isSignedBy({ list, signedBy }: KnownList, { certificate, fields }: Link): boolean {
  const key = certificate.fingerprint256;
  const known = signedBy.get(key);
  if (known !== undefined) return known;
  const genuine = maySignLists(fields) && verifies(list, certificate.publicKey);
  signedBy.set(key, genuine);
  return genuine;
}

function verifies({ digest, signed, signature }: RevocationList, key: KeyObject): boolean {
  try {
    return verify(digest, signed, key, signature);
  } catch {
    // The key is of another kind than the signature.
    return false;
  }
}
