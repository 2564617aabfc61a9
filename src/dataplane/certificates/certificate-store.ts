// One certificate per identity of the local workloads: wanted, held, renewed at half of its life
// (protocol section 5.6). A certificate that can not be renewed stays in use until it expires.

import type { Identity } from '../../mesh/identity.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { Slots } from '../../runtime/slots.ts';
import type { CertificateSource } from './signing-client.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

const requestsAtOnce = 8;
const retryShape = { firstMs: 500, maxMs: 150_000, jitter: 0.2 };
/** Renewal is earlier than half of the life by up to this share, so that proxies that started together
 * do not ask together. */
const renewalJitter = 0.05;
/** How long a connection waits for its first certificate. */
const waitForFirstMs = 5_000;
/** A connection without a certificate has it asked for at once, but not more often than this. */
const hurryAfterMs = 1_000;
/** How long before a certificate expires it is asked for once more, whatever the back-off says. */
const lastAttemptMs = 5_000;
/** Identities of one node, or one proxy. */
const maxIdentities = 4_096;

export interface CertificateStoreOptions {
  readonly source: CertificateSource;
  readonly clock: Clock;
  readonly log: Logger;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/** What is known of one identity's certificate. */
export interface CertificateState {
  readonly identity: Identity;
  readonly certificate?: WorkloadCertificate;
  /** Why the last request failed. */
  readonly failure?: Error;
}

/** In which order requests are made (protocol section 5.6): a connection waits for it; there is no
 * certificate yet; there is one and it is to be renewed. */
const urgencies = { waited: 0, first: 1, renewal: 2 } as const;

interface Entry {
  certificate: WorkloadCertificate | undefined;
  failure: Error | undefined;
  /** Whether another is to be asked for at once, even if a request is under way. */
  stale: boolean;
  readonly end: AbortController;
  readonly waiting: Set<() => void>;
  /** Ends the wait between attempts. */
  hurry: AbortController;
  lastAttemptMs: number;
}

/** Holds certificates. */
export class CertificateStore implements Disposable {
  readonly #options: CertificateStoreOptions;
  readonly #slots = new Slots(requestsAtOnce);
  readonly #entries = new Map<Identity, Entry>();

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
  }

  /** The valid certificate of an identity. The first call starts keeping one. Throws AMB1505 with the
   * reason as cause when none comes in time. */
  async get(identity: Identity): Promise<WorkloadCertificate> {
    const entry = this.#want(identity);
    const held = this.#valid(entry);
    if (held !== undefined) return held;
    if (this.#options.clock.now() - entry.lastAttemptMs > hurryAfterMs) entry.hurry.abort();
    await this.#nextChange(entry);
    const certificate = this.#valid(entry);
    if (certificate !== undefined) return certificate;
    throw new AmbitError('AMB1505', 'none was issued in time', {
      object: identity,
      cause: entry.failure,
    });
  }

  /** Asks for every certificate anew, because what the authority issues has changed. Those held stay
   * in use meanwhile. */
  renewAll(): void {
    for (const entry of this.#entries.values()) {
      entry.stale = true;
      entry.hurry.abort();
    }
  }

  /** Gives up the certificates for which `isRevoked` holds and asks for others. Once for each: what comes
   * in their place is used whatever it is, and judged by the peers. */
  replaceRevoked(isRevoked: (certificate: WorkloadCertificate) => boolean): void {
    for (const [identity, entry] of this.#entries) {
      const { certificate } = entry;
      if (certificate === undefined || !isRevoked(certificate)) continue;
      const error = new AmbitError('AMB1521', 'asking for another', { object: identity });
      this.#options.log.warn({ code: error.code, identity }, error.message);
      entry.certificate = undefined;
      entry.failure = error;
      entry.stale = true;
      entry.hurry.abort();
    }
  }

  /** Drops every identity but those named: what a proxy keeps for pods that are gone. */
  retain(wanted: ReadonlySet<Identity>): void {
    for (const identity of this.#entries.keys()) {
      if (!wanted.has(identity)) this.release(identity);
    }
  }

  /** Starts keeping a certificate before a connection needs it. */
  prefetch(identity: Identity): void {
    this.#want(identity);
  }

  /** Drops an identity, when its last local workload has gone. */
  release(identity: Identity): void {
    this.#entries.get(identity)?.end.abort(new Error('the identity was released'));
    this.#entries.delete(identity);
  }

  /** Everything kept, sorted by identity. */
  states(): readonly CertificateState[] {
    return [...this.#entries]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([identity, { certificate, failure }]) => ({
        identity,
        ...(certificate && { certificate }),
        ...(failure && { failure }),
      }));
  }

  [Symbol.dispose](): void {
    for (const identity of this.#entries.keys()) this.release(identity);
  }

  #valid({ certificate }: Entry): WorkloadCertificate | undefined {
    return certificate !== undefined && certificate.notAfterMs > this.#options.clock.now()
      ? certificate
      : undefined;
  }

  #want(identity: Identity): Entry {
    const known = this.#entries.get(identity);
    if (known !== undefined) return known;
    if (this.#entries.size >= maxIdentities) {
      throw new AmbitError('AMB1505', `more than ${maxIdentities} identities`, {
        object: identity,
      });
    }
    const end = new AbortController();
    const entry: Entry = {
      certificate: undefined,
      failure: undefined,
      stale: false,
      end,
      waiting: new Set(),
      hurry: new AbortController(),
      lastAttemptMs: this.#options.clock.now(),
    };
    this.#entries.set(identity, entry);
    void this.#keep(identity, entry);
    return entry;
  }

  /** Requests and renews until released. */
  async #keep(identity: Identity, entry: Entry): Promise<void> {
    const { source, clock, log, random = Math.random } = this.#options;
    const { signal } = entry.end;
    const backoff = new Backoff(retryShape, clock);
    while (!signal.aborted) {
      let waitMs: number;
      entry.lastAttemptMs = clock.now();
      try {
        const certificate = await this.#slots.run(
          () => {
            entry.stale = false;
            return source(identity, signal);
          },
          () => urgencyOf(entry),
        );
        signal.throwIfAborted();
        entry.certificate = certificate;
        entry.failure = undefined;
        backoff.reset();
        const { notBeforeMs, notAfterMs } = certificate;
        const untilHalf = (notBeforeMs + notAfterMs) / 2 - clock.now();
        const pause = Math.max(1_000, untilHalf * (1 - renewalJitter * random()));
        waitMs = entry.stale ? 0 : pause;
        log.info({ identity, expires: new Date(notAfterMs).toISOString() }, 'certificate issued');
        for (const wake of entry.waiting) wake();
      } catch (error) {
        if (signal.aborted) return;
        entry.failure = error instanceof Error ? error : new Error(String(error));
        waitMs = beforeExpiry(backoff.nextMs(), entry.certificate, clock.now());
        const fields = { code: codeOf(error), identity, error: causeChain(error) };
        log.warn(fields, 'no certificate, trying again');
      }
      entry.hurry = new AbortController();
      const sooner = AbortSignal.any([signal, entry.hurry.signal]);
      await clock.wait(waitMs, sooner).catch(() => undefined);
    }
  }

  /** Resolves when a certificate came, the identity was released, or the patience ran out. */
  async #nextChange(entry: Entry): Promise<void> {
    const done = new AbortController();
    const wake = (): void => done.abort();
    entry.waiting.add(wake);
    const signal = AbortSignal.any([done.signal, entry.end.signal]);
    await this.#options.clock.wait(waitForFirstMs, signal).catch(() => undefined);
    entry.waiting.delete(wake);
  }
}

function urgencyOf({ waiting, certificate }: Entry): number {
  if (waiting.size > 0) return urgencies.waited;
  return certificate === undefined ? urgencies.first : urgencies.renewal;
}

/** The last attempt before a certificate expires is not put off until after it has. */
function beforeExpiry(
  waitMs: number,
  held: WorkloadCertificate | undefined,
  nowMs: number,
): number {
  const left = (held?.notAfterMs ?? nowMs) - nowMs - lastAttemptMs;
  return left > 0 ? Math.min(waitMs, left) : waitMs;
}
