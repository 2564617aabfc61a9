// The keys and certificates of the API server, kept in one folder and used again after a restart:
// its certificate authority, its serving certificate, the key that signs tokens, the admin's token.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Clock } from '../../../runtime/clock.ts';
import { AmbitError } from '../../../runtime/errors.ts';
import { makeCertificate } from './certificates.ts';

/** What the API server serves and signs with. */
export interface Pki {
  /** PEM. */
  readonly caCertificate: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly tokenKey: KeyObject;
  readonly adminToken: string;
}

/** Names under which the API server is reached from outside and inside of the mesh. */
const ownHosts = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  '10.96.0.1',
  'fd00:10:96::1',
];

const dayMs = 86_400_000;
const lifetimeDays = 3_650;
const renewBeforeDays = 30;
const authorityName = 'Ambit API server CA';

/** Reads the folder, making what is missing. Throws AMB1213 naming a file that cannot be used. */
export function openPki(folder: string, extraHosts: readonly string[], clock: Clock): Pki {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = (name: string): string => path.join(folder, name);
    const caKey = keyAt(file('ca.key'));
    const caCertificate = textIn(file('ca.crt'), () => authority(caKey, clock));
    requireMatch(file('ca.crt'), caCertificate, caKey);
    const serverKey = keyAt(file('server.key'));
    const hosts = [...new Set([...ownHosts, ...extraHosts])];
    const serverCertificate = servingCertificate({
      file: file('server.crt'),
      caCertificate,
      caKey,
      serverKey,
      hosts,
      clock,
    });
    return {
      caCertificate,
      serverCertificate,
      serverKey: pem(serverKey),
      tokenKey: keyAt(file('tokens.key')),
      adminToken: textIn(file('admin.token'), () => randomBytes(32).toString('base64url')),
    };
  } catch (error) {
    if (error instanceof AmbitError) throw error;
    throw unusable(folder, error);
  }
}

function unusable(object: string, cause: unknown): AmbitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AmbitError(
    'AMB1213',
    `cannot be used: ${why}; remove the folder to have everything made anew`,
    { object, cause },
  );
}

/** The text of a file, made and written (mode 0600) when it is missing. */
function textIn(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const made = make();
  // Written aside and renamed, so that a crash leaves no half of a key.
  writeFileSync(`${file}.new`, made, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}

function keyAt(file: string): KeyObject {
  const text = textIn(file, () =>
    pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  );
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw unusable(file, error);
  }
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function requireMatch(file: string, certificate: string, key: KeyObject): void {
  let matches = false;
  try {
    matches = new X509Certificate(certificate).checkPrivateKey(key);
  } catch (error) {
    throw unusable(file, error);
  }
  if (!matches) throw unusable(file, new Error('it belongs to another key'));
}

function authority(key: KeyObject, clock: Clock): string {
  return makeCertificate({
    commonName: authorityName,
    publicKey: createPublicKey(key),
    issuerName: authorityName,
    issuerKey: key,
    ...validity(clock),
    hosts: undefined,
  });
}

function validity(clock: Clock): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(clock.now() - dayMs),
    notAfter: new Date(clock.now() + lifetimeDays * dayMs),
  };
}

function servingCertificate(need: {
  readonly file: string;
  readonly caCertificate: string;
  readonly caKey: KeyObject;
  readonly serverKey: KeyObject;
  readonly hosts: readonly string[];
  readonly clock: Clock;
}): string {
  if (existsSync(need.file)) {
    const kept = readFileSync(need.file, 'utf8');
    if (stillGood(kept, need)) return kept;
  }
  const made = makeCertificate({
    commonName: 'ambit-api-server',
    publicKey: createPublicKey(need.serverKey),
    issuerName: authorityName,
    issuerKey: need.caKey,
    ...validity(need.clock),
    hosts: need.hosts,
  });
  writeFileSync(`${need.file}.new`, made, { mode: 0o600 });
  renameSync(`${need.file}.new`, need.file);
  return made;
}

function stillGood(
  kept: string,
  need: {
    readonly caCertificate: string;
    readonly serverKey: KeyObject;
    readonly hosts: readonly string[];
    readonly clock: Clock;
  },
): boolean {
  try {
    const certificate = new X509Certificate(kept);
    const issuer = new X509Certificate(need.caCertificate);
    return (
      certificate.checkPrivateKey(need.serverKey) &&
      certificate.verify(issuer.publicKey) &&
      Date.parse(certificate.validTo) > need.clock.now() + renewBeforeDays * dayMs &&
      need.hosts.every((host) =>
        /^[\d.]+$|:/.test(host) ? certificate.checkIP(host) : certificate.checkHost(host),
      )
    );
  } catch {
    return false;
  }
}
