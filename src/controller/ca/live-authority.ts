// The authority in force, exchanged while the controller runs when its Secret changes: a key is rotated
// by changing the Secret, in the steps that docs/certificates.md tells.

import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CountingMetric, MetricsRegistry } from '../../runtime/metrics.ts';
import { readRevocationFile } from '../../wire/x509/revocation-file.ts';
import type { CertificateAuthority, IssueRequest, SigningAuthority } from './authority.ts';
import { type AuthoritySecret, authoritySecrets, type SecretStore } from './load-authority.ts';

/** How often the Secrets are looked at. */
const lookEveryMs = 5_000;

export interface LiveAuthorityOptions {
  readonly secrets: SecretStore;
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lookEveryMs?: number;
}

/** Registers the metric of exchanges. */
export function authorityMetrics(registry: MetricsRegistry): CountingMetric<'result'> {
  return registry.counter({
    name: 'ambit_ca_reloads_total',
    help: 'Changes of the Secret with the certificate authority.',
    labels: ['result'],
  });
}

/** What has changed. */
export type AuthorityChange = 'authority' | 'revocation lists';

/** Issues with the authority in force. */
export class LiveAuthority implements SigningAuthority, Disposable {
  readonly #options: LiveAuthorityOptions;
  readonly #reloads: CountingMetric<'result'>;
  readonly #end = new AbortController();
  readonly #listeners = new Set<(what: AuthorityChange) => void>();
  #current: CertificateAuthority;
  #revocationLists: string | undefined;
  #version: string | undefined;

  /** Begins with an authority that was just loaded, and follows the Secrets until disposed. */
  constructor(first: CertificateAuthority, options: LiveAuthorityOptions) {
    this.#current = first;
    this.#options = options;
    this.#reloads = authorityMetrics(options.registry);
    void this.#follow();
  }

  get rootPem(): string {
    return this.#current.rootPem;
  }

  issue(request: IssueRequest, nowMs: number): readonly string[] {
    return this.#current.issue(request, nowMs);
  }

  /** PEM of the revocation lists beside the authority, empty when there are none; undefined until the
   * Secret was read, or while it was never readable. */
  get revocationLists(): string | undefined {
    return this.#revocationLists;
  }

  /** Calls back after every exchange, until the answer is called. */
  subscribe(listener: (what: AuthorityChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#listeners.clear();
  }

  async #follow(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#end;
    const everyMs = this.#options.lookEveryMs ?? lookEveryMs;
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        // The API server is away; what is in force stays.
        log.debug({ code: codeOf(error) }, `cannot look at the authority: ${causeChain(error)}`);
      }
      await clock.wait(everyMs, signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const found = await authoritySecrets(this.#options.secrets);
    if (found === undefined || found.version === this.#version || this.#end.signal.aborted) return;
    this.#version = found.version;
    this.#takeLists(found);
    const { log } = this.#options;
    try {
      const next = found.open();
      if (next.isSameAs(this.#current)) return;
      this.#warnOfGap(next);
      this.#current = next;
      this.#reloads.add({ result: 'loaded' });
      log.info({ roots: next.roots.length }, 'the certificate authority was exchanged');
      this.#tell('authority');
    } catch (error) {
      this.#reloads.add({ result: 'failed' });
      const code = codeOf(error);
      log.error({ code }, `the authority in force stays: ${causeChain(error)}`);
    }
  }

  /** Lists that can not be read by proxies are not given to them. */
  #takeLists({ name, revocationLists }: AuthoritySecret): void {
    if (revocationLists === this.#revocationLists) return;
    const { log } = this.#options;
    const { problems, lists } = readRevocationFile(Buffer.from(revocationLists));
    const [problem] = problems;
    if (problem !== undefined) {
      this.#reloads.add({ result: 'failed' });
      const place = { object: `Secret ${name}`, field: 'ca-crl.pem' };
      const error = new AmbitError('AMB1638', problem, place);
      log.error({ code: error.code, remedy: error.remedy }, error.message);
      return;
    }
    const isFirst = this.#revocationLists === undefined;
    this.#revocationLists = revocationLists;
    if (isFirst && revocationLists === '') return;
    this.#reloads.add({ result: 'loaded' });
    log.info({ lists: lists.length }, 'the revocation lists were exchanged');
    this.#tell('revocation lists');
  }

  #tell(what: AuthorityChange): void {
    for (const listener of this.#listeners) listener(what);
  }

  /** Certificates that are in use are below the first root in force. */
  #warnOfGap(next: CertificateAuthority): void {
    const [inUse] = this.#current.roots;
    const [coming] = next.roots;
    const has = (roots: readonly Buffer[], one: Buffer | undefined): boolean =>
      one !== undefined && roots.some((root) => root.equals(one));
    if (has(next.roots, inUse) && has(this.#current.roots, coming)) return;
    const error = new AmbitError('AMB1637', 'old and new certificates share no trusted root');
    this.#options.log.warn({ code: error.code, remedy: error.remedy }, error.message);
  }
}
