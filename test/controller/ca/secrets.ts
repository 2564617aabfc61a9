// Authorities for tests, and Secrets in memory to keep them in.

import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { type AuthorityMaterial, createRoot } from '../../../src/controller/ca/authority.ts';
import { issueCertificate, issuerOf, organizationName } from '../../../src/controller/ca/issue.ts';
import type { SecretStore } from '../../../src/controller/ca/load-authority.ts';
import { fromPem } from '../../../src/wire/x509/pem.ts';

/** What an API server would hold. */
export class Secrets implements SecretStore {
  readonly all = new Map<string, ReadonlyMap<string, string>>();

  get(name: string): Promise<ReadonlyMap<string, string> | undefined> {
    return Promise.resolve(this.all.get(name));
  }

  create(name: string, _type: string, data: ReadonlyMap<string, string>): Promise<boolean> {
    if (this.all.has(name)) return Promise.resolve(false);
    this.all.set(name, data);
    return Promise.resolve(true);
  }

  /** What an operator does to plug an authority in. */
  plugIn({ certPem, keyPem, chainPem, rootPem }: AuthorityMaterial): void {
    const files = { 'ca-cert.pem': certPem, 'ca-key.pem': keyPem, 'cert-chain.pem': chainPem };
    this.all.set('cacerts', new Map(Object.entries({ ...files, 'root-cert.pem': rootPem })));
  }
}

/** An intermediate authority below another. */
export function belowOf(parent: AuthorityMaterial, name: string): AuthorityMaterial {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const certPem = issueCertificate(
    {
      publicKey,
      subject: organizationName(name),
      notBeforeMs: now - 60_000,
      notAfterMs: now + 86_400_000,
      authority: true,
      serial: randomBytes(16),
    },
    issuerOf(fromPem('CERTIFICATE', parent.certPem)!, createPrivateKey(parent.keyPem)),
  );
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certPem, keyPem, chainPem: certPem + parent.chainPem, rootPem: parent.rootPem };
}

/** A root of its own. */
export function rootNamed(name: string): AuthorityMaterial {
  return createRoot(name, Date.now());
}

/** The public half of a new key. */
export function newPublicKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return createPublicKey(privateKey);
}
