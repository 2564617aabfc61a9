// The certificate that the controller shows to proxies and to the API server, renewed while it runs.

import { generateKeyPairSync } from 'node:crypto';
import type { experimental } from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { SigningAuthority } from './authority.ts';
import { organizationName } from './issue.ts';

type IdentityListener = Parameters<
  experimental.CertificateProvider['addIdentityCertificateListener']
>[0];

const lifetimeMs = 90 * 86_400_000;
/** Timers hold at most about 24 days, so the age is looked at every day. */
const checkEveryMs = 86_400_000;

interface Issued {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly issuedMs: number;
}

/** Issues and renews the serving certificate, and hands it to the gRPC server. */
export class ServingCertificate implements experimental.CertificateProvider, Disposable {
  readonly #authority: SigningAuthority;
  readonly #dnsNames: readonly string[];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<IdentityListener>();
  readonly #followers = new Set<(current: Issued) => void>();
  readonly #end = new AbortController();
  #current: Issued;

  constructor(authority: SigningAuthority, dnsNames: readonly string[], clock: Clock, log: Logger) {
    this.#authority = authority;
    this.#dnsNames = dnsNames;
    this.#clock = clock;
    this.#log = log;
    this.#current = this.#issue();
    this.#keepRenewing().catch(() => {
      // Only the end of this object stops the loop.
    });
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.add(listener);
    // Not at once: the library is not ready for an answer from within its call.
    queueMicrotask(() => {
      listener(this.#current);
    });
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.delete(listener);
  }

  /** Gives out the certificate in force now, and every later one until the answer is called. For
   * `node:tls`; the gRPC server has methods of its own. */
  follow(listener: (pair: { readonly cert: Buffer; readonly key: Buffer }) => void): () => void {
    const tell = ({ certificate, privateKey }: Issued): void =>
      listener({ cert: certificate, key: privateKey });
    tell(this.#current);
    this.#followers.add(tell);
    return () => void this.#followers.delete(tell);
  }

  /** Clients show no certificate, so there is no authority for theirs. */
  addCaCertificateListener(): void {}

  removeCaCertificateListener(): void {}

  /** Issues it anew, with the authority in force. */
  renew(): void {
    this.#current = this.#issue();
    this.#log.info({}, 'renewed the serving certificate');
    for (const listener of [...this.#listeners, ...this.#followers]) listener(this.#current);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#listeners.clear();
    this.#followers.clear();
  }

  #issue(): Issued {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issuedMs = this.#clock.now();
    const chain = this.#authority.issue(
      {
        publicKey,
        subject: organizationName(this.#dnsNames[0] ?? ''),
        dnsNames: this.#dnsNames,
        ttlMs: lifetimeMs,
      },
      issuedMs,
    );
    return {
      certificate: Buffer.from(chain.join('')),
      privateKey: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      issuedMs,
    };
  }

  async #keepRenewing(): Promise<void> {
    for (;;) {
      await this.#clock.wait(checkEveryMs, this.#end.signal);
      if (this.#clock.now() - this.#current.issuedMs < lifetimeMs / 2) continue;
      this.renew();
    }
  }
}
