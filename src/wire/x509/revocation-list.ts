// Certificate revocation lists (RFC 5280 section 5) as values. Whether a list is to be believed is for
// its reader to find out: `signature` over `signed` by the key of the issuer.

import { decoding, type Result, reject } from '../result.ts';
import {
  type Extensions,
  extensionKey,
  inside,
  nameText,
  readExtensions,
  serialText,
} from './certificate-fields.ts';
import { contextTag, type DerValue, derTag, readDer, readDerTime } from './der.ts';

/** One certificate that is not to be trusted any more. */
export interface RevokedEntry {
  readonly revokedAtMs: number;
  /** RFC 5280 section 5.3.1, such as `keyCompromise`; absent when none is given. */
  readonly reason?: string;
}

export interface RevocationList {
  /** DER of the issuer's name, and the name for people. */
  readonly issuer: Uint8Array;
  readonly issuerName: string;
  readonly thisUpdateMs: number;
  /** When the next list is due; absent when the issuer does not say. */
  readonly nextUpdateMs?: number;
  /** By serial number, see `serialText`. */
  readonly revoked: ReadonlyMap<string, RevokedEntry>;
  /** What was signed, how, and the signature. The digest is `undefined` where the key implies it. */
  readonly signed: Uint8Array;
  readonly digest: string | undefined;
  readonly signature: Uint8Array;
}

/** Signature algorithms by object identifier (RFC 5754, RFC 5758, RFC 8410). */
const digests = new Map<string, string | undefined>([
  [extensionKey('1.2.840.10045.4.3.2'), 'sha256'],
  [extensionKey('1.2.840.10045.4.3.3'), 'sha384'],
  [extensionKey('1.2.840.10045.4.3.4'), 'sha512'],
  [extensionKey('1.2.840.113549.1.1.11'), 'sha256'],
  [extensionKey('1.2.840.113549.1.1.12'), 'sha384'],
  [extensionKey('1.2.840.113549.1.1.13'), 'sha512'],
  [extensionKey('1.3.101.112'), undefined],
]);

const reasons = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'unused',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
];

const reasonCode = extensionKey('2.5.29.21');
const deltaIndicator = extensionKey('2.5.29.27');
const distributionPoint = extensionKey('2.5.29.28');
/** IssuingDistributionPoint's `indirectCRL` (RFC 5280 section 5.2.5). */
const indirectTag = 0x84;

/** Reads one list in DER. A problem are also lists that are only a part (delta), that speak for other
 * issuers (indirect), or that have critical extensions which are not known here: what they revoke can
 * not be told. */
export function readRevocationList(bytes: Uint8Array): Result<RevocationList> {
  return decoding('revocation list', () => {
    const [outer, ...rest] = readDer(bytes) ?? [];
    const [body, algorithm, signature] = inside(outer) ?? [];
    if (body === undefined || algorithm === undefined || rest.length > 0) reject(structure);
    if (signature?.tag !== derTag.bitString || signature.content[0] !== 0) reject(structure);
    const fields = [...(inside(body) ?? [])];
    if (fields[0]?.tag === derTag.integer) fields.shift();
    const [inner, issuer, thisUpdate, ...more] = fields;
    if (inner === undefined || !Buffer.from(inner.raw).equals(algorithm.raw)) reject(structure);
    if (issuer?.tag !== derTag.sequence || thisUpdate === undefined) reject(structure);
    const next = isTime(more[0]) ? more.shift() : undefined;
    const entries = more[0]?.tag === derTag.sequence ? more.shift() : undefined;
    const extensions = readExtensions(inside(more.find(({ tag }) => tag === contextTag(0)))?.[0]);
    checkScope(extensions ?? reject('its extensions are malformed'));
    return {
      issuer: issuer.raw,
      issuerName: nameText(issuer.raw),
      thisUpdateMs: timeOf(thisUpdate),
      ...(next && { nextUpdateMs: timeOf(next) }),
      revoked: entriesIn(entries),
      signed: body.raw,
      digest: digestOf(algorithm),
      signature: signature.content.subarray(1),
    };
  });
}

const structure = 'it does not have the structure of a revocation list';

function isTime(value: DerValue | undefined): boolean {
  return value?.tag === derTag.utcTime || value?.tag === derTag.generalizedTime;
}

function timeOf(value: DerValue): number {
  return readDerTime(value) ?? reject('it has a time in no form that RFC 5280 allows');
}

function digestOf(algorithm: DerValue): string | undefined {
  const key = Buffer.from(inside(algorithm)?.[0]?.content ?? [])
    .toString('hex')
    .toUpperCase();
  if (!digests.has(key)) reject('it is signed with an algorithm other than ECDSA, RSA or Ed25519');
  return digests.get(key);
}

function checkScope(extensions: Extensions): void {
  if (extensions.has(deltaIndicator)) reject('it is a delta list; only complete lists are read');
  for (const [key, { critical, value }] of extensions) {
    if (key === distributionPoint) {
      const scope = inside(readDer(value)?.[0]) ?? [];
      const indirect = scope.some(({ tag, content }) => tag === indirectTag && content[0] !== 0);
      if (indirect) reject('it is an indirect list, which speaks for other issuers');
    } else if (critical) reject(`it has the unknown critical extension ${key}`);
  }
}

function entriesIn(list: DerValue | undefined): ReadonlyMap<string, RevokedEntry> {
  const revoked = new Map<string, RevokedEntry>();
  if (list === undefined) return revoked;
  for (const entry of inside(list) ?? reject('its entries are malformed')) {
    const [serial, at, extensionList] = inside(entry) ?? [];
    if (serial?.tag !== derTag.integer || at === undefined) reject('an entry is malformed');
    const extensions = readExtensions(extensionList) ?? reject('an entry is malformed');
    for (const [key, { critical }] of extensions) {
      if (critical && key !== reasonCode) {
        reject(`an entry has the unknown critical extension ${key}`);
      }
    }
    const reason = reasonOf(extensions);
    revoked.set(serialText(serial), {
      revokedAtMs: timeOf(at),
      ...(reason !== undefined && { reason }),
    });
  }
  return revoked;
}

function reasonOf(extensions: Extensions): string | undefined {
  const found = extensions.get(reasonCode);
  if (found === undefined) return undefined;
  const [code] = readDer(found.value) ?? [];
  return code?.tag === derTag.enumerated ? reasons[code.content[0] ?? 0] : undefined;
}
