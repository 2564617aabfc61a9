// Where the authority is kept: Istio's Secrets, so that either controller can take over from the
// other (protocol section 5.5).

import { createHash } from 'node:crypto';
import { AmbitError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import {
  type AuthorityMaterial,
  CertificateAuthority,
  certificatesIn,
  createRoot,
} from './authority.ts';

/** Secrets of the controller's namespace; values are texts. */
export interface SecretStore {
  /** Undefined when there is none of the name. */
  get(name: string): Promise<ReadonlyMap<string, string> | undefined>;
  /** `false` when another was faster. */
  create(name: string, type: string, data: ReadonlyMap<string, string>): Promise<boolean>;
}

const pluggedIn = 'cacerts';
const selfSigned = 'istio-ca-secret';

/** Loads the authority that an operator plugged in, or the one made at an earlier start, or makes
 * one. Throws AMB1636 when a Secret exists and is unusable: making a new root instead would break
 * the trust of everything that runs. */
export async function loadAuthority(
  secrets: SecretStore,
  trustDomain: string,
  nowMs: number,
  log: Logger,
): Promise<CertificateAuthority> {
  const [given, own] = await Promise.all([secrets.get(pluggedIn), secrets.get(selfSigned)]);
  if (given !== undefined) return open(pluggedIn, given, log);
  if (own !== undefined) return open(selfSigned, own, log);
  const material = createRoot(trustDomain, nowMs);
  const data = new Map([
    ['ca-cert.pem', material.certPem],
    ['ca-key.pem', material.keyPem],
    ['cert-chain.pem', ''],
    ['key.pem', ''],
    ['root-cert.pem', material.rootPem],
  ]);
  if (await secrets.create(selfSigned, 'istio.io/ca-root', data)) {
    log.info({ secret: selfSigned }, 'made a new root certificate');
    return new CertificateAuthority(material, `Secret ${selfSigned}`);
  }
  const other = await secrets.get(selfSigned);
  if (other === undefined) {
    throw new AmbitError('AMB1636', 'could neither be created nor read', {
      object: `Secret ${selfSigned}`,
    });
  }
  return open(selfSigned, other, log);
}

/** What the Secrets hold now. */
export interface AuthoritySecret {
  /** For comparison. */
  readonly version: string;
  /** Throws AMB1636. */
  readonly open: () => CertificateAuthority;
  readonly name: string;
  /** Text of `ca-crl.pem`; empty when there is none. */
  readonly revocationLists: string;
}

/** What the Secrets hold now: undefined while there are none. */
export async function authoritySecrets(secrets: SecretStore): Promise<AuthoritySecret | undefined> {
  for (const name of [pluggedIn, selfSigned]) {
    const data = await secrets.get(name);
    if (data === undefined) continue;
    const version = createHash('sha256')
      .update(JSON.stringify([name, ...data]))
      .digest('hex');
    return {
      version,
      open: () => new CertificateAuthority(materialOf(name, data), `Secret ${name}`),
      name,
      revocationLists: data.get('ca-crl.pem') ?? '',
    };
  }
  return undefined;
}

function open(name: string, data: ReadonlyMap<string, string>, log: Logger): CertificateAuthority {
  const authority = new CertificateAuthority(materialOf(name, data), `Secret ${name}`);
  log.info({ secret: name }, 'loaded the certificate authority');
  return authority;
}

function materialOf(name: string, data: ReadonlyMap<string, string>): AuthorityMaterial {
  const read = (...keys: readonly string[]): string => {
    for (const key of keys) {
      const value = data.get(key);
      if (value !== undefined && value !== '') return value;
    }
    throw new AmbitError('AMB1636', 'is missing', {
      object: `Secret ${name}`,
      field: keys.join(' or '),
    });
  };
  const certPem = read('ca-cert.pem', 'tls.crt');
  const keyPem = read('ca-key.pem', 'tls.key');
  const rootPem = data.get('root-cert.pem') ?? data.get('ca.crt') ?? '';
  const trusted = rootPem === '' ? certPem : rootPem;
  const [own = ''] = certificatesIn(certPem);
  // Among several roots while they are rotated.
  const isRoot = certificatesIn(trusted).includes(own);
  const chain = data.get('cert-chain.pem') ?? '';
  // Peers need the signing certificate whether or not the chain begins with it.
  const chainPem = certificatesIn(chain)[0] === own ? chain : `${certPem}\n${chain}`;
  return {
    certPem,
    keyPem,
    chainPem: isRoot ? '' : chainPem,
    rootPem: trusted,
  };
}
