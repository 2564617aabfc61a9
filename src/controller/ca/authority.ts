// The certificate authority in memory: a key, its certificate and the roots that proxies trust.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { AmbitError } from '../../runtime/errors.ts';
import { fromPem, readPem, toPem } from '../../wire/x509/pem.ts';
import {
  type CertificateFacts,
  type Issuer,
  issueCertificate,
  issuerOf,
  organizationName,
} from './issue.ts';

/** An authority as it is kept. */
export interface AuthorityMaterial {
  readonly certPem: string;
  readonly keyPem: string;
  /** Intermediates from the authority up, its own certificate first; none for a root. */
  readonly chainPem: string;
  readonly rootPem: string;
}

/** What to issue. */
export interface IssueRequest
  extends Pick<CertificateFacts, 'publicKey' | 'subject' | 'uris' | 'dnsNames'> {
  readonly ttlMs: number;
}

const rootLifetimeMs = 10 * 365 * 86_400_000;
/** Certificates are valid from a little before now, for clocks that are behind. */
const backdateMs = 120_000;

/** Makes a new root (ECDSA P-256, ten years) for a trust domain. */
export function createRoot(trustDomain: string, nowMs: number): AuthorityMaterial {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = organizationName(trustDomain);
  const certPem = issueCertificate(
    {
      publicKey,
      subject: name,
      notBeforeMs: nowMs - backdateMs,
      notAfterMs: nowMs + rootLifetimeMs,
      authority: true,
      serial: randomBytes(16),
    },
    { name, key: privateKey },
  );
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certPem, keyPem, chainPem: '', rootPem: certPem };
}

/** Who issues certificates. */
export interface SigningAuthority {
  /** PEM of the roots, the one that the issued certificates are below first. */
  readonly rootPem: string;
  /** Issues a certificate; answers it and then every intermediate, each in PEM. */
  issue(request: IssueRequest, nowMs: number): readonly string[];
}

/** An authority of one key. */
export class CertificateAuthority implements SigningAuthority {
  readonly rootPem: string;
  /** Each root of the bundle, in DER. */
  readonly roots: readonly Buffer[];
  readonly #issuer: Issuer;
  readonly #notAfterMs: number;
  /** PEM of each certificate between the leaf and the roots. */
  readonly #intermediates: readonly string[];

  /** `origin` names the material in errors; throws AMB1636 when it is inconsistent. */
  constructor(material: AuthorityMaterial, origin: string) {
    const der = fromPem('CERTIFICATE', material.certPem);
    if (der === undefined) throw broken(origin, 'ca-cert.pem', 'is no certificate in PEM');
    try {
      const certificate = new X509Certificate(der);
      const key = createPrivateKey(material.keyPem);
      if (!certificate.ca) throw broken(origin, 'ca-cert.pem', 'is not an authority (CA:TRUE)');
      if (!certificate.publicKey.equals(createPublicKey(key))) {
        throw broken(origin, 'ca-key.pem', 'does not belong to ca-cert.pem');
      }
      this.#notAfterMs = Date.parse(certificate.validTo);
      this.#issuer = issuerOf(der, key);
    } catch (error) {
      if (error instanceof AmbitError) throw error;
      throw broken(origin, 'ca-cert.pem, ca-key.pem', 'cannot be read', error);
    }
    this.#intermediates = bundle(material.chainPem, origin, 'cert-chain.pem');
    const path = [material.certPem, ...this.#intermediates];
    const roots = ownRootFirst(path, bundle(material.rootPem, origin, 'root-cert.pem'));
    if (roots === undefined) {
      throw broken(origin, 'root-cert.pem', 'has no root that ca-cert.pem is below');
    }
    this.rootPem = roots.join('');
    this.roots = roots.map((pem) => new X509Certificate(pem).raw);
  }

  /** Whether it issues the same certificates with the same trust. */
  isSameAs(other: CertificateAuthority): boolean {
    return (
      this.#issuer.key.equals(other.#issuer.key) &&
      this.rootPem === other.rootPem &&
      Buffer.from(this.#issuer.name).equals(other.#issuer.name) &&
      this.#intermediates.join('') === other.#intermediates.join('')
    );
  }

  /** A certificate never outlives the authority. */
  issue(request: IssueRequest, nowMs: number): readonly string[] {
    const { publicKey, subject, uris, dnsNames, ttlMs } = request;
    const leaf = issueCertificate(
      {
        publicKey,
        ...(subject && { subject }),
        ...(uris && { uris }),
        ...(dnsNames && { dnsNames }),
        notBeforeMs: nowMs - backdateMs,
        notAfterMs: Math.min(nowMs + ttlMs, this.#notAfterMs),
        authority: false,
        serial: randomBytes(16),
      },
      this.#issuer,
    );
    return [leaf, ...this.#intermediates];
  }
}

/** The certificates of a bundle, each in PEM; none when it cannot be read. */
export function certificatesIn(pem: string): readonly string[] {
  const read = readPem('CERTIFICATE', pem);
  return read.kind === 'ok' ? read.value.map((der) => toPem('CERTIFICATE', der)) : [];
}

/** The certificates of a file of the authority. Throws AMB1636 when there is one that cannot be read. */
function bundle(pem: string, origin: string, field: string): readonly string[] {
  const read = readPem('CERTIFICATE', pem);
  if (read.kind === 'problem') throw broken(origin, field, read.problem);
  try {
    return read.value.map((der) => toPem('CERTIFICATE', new X509Certificate(der).raw));
  } catch (error) {
    throw broken(origin, field, 'has a block that is no certificate', error);
  }
}

/** Puts the root that the path leads to before the others; undefined when it leads to none. That the
 * order tells the signing root is what makes proxies renew when only the signing key has changed. */
function ownRootFirst(
  path: readonly string[],
  roots: readonly string[],
): readonly string[] | undefined {
  const links = path.map((pem) => new X509Certificate(pem));
  const own = roots.find((pem) => {
    const root = new X509Certificate(pem);
    return links.some(
      (link) =>
        link.raw.equals(root.raw) || (link.checkIssued(root) && link.verify(root.publicKey)),
    );
  });
  return own === undefined ? undefined : [own, ...roots.filter((pem) => pem !== own)];
}

function broken(origin: string, field: string, text: string, cause?: unknown): AmbitError {
  return new AmbitError('AMB1636', text, { object: origin, field, cause });
}
