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

interface Entry {
  certificate: WorkloadCertificate | undefined;
  failure: Error | undefined;
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
  /** Counts what the authority issued differently. */
  #generation = 0;

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
    this.#generation++;
    for (const { hurry } of this.#entries.values()) hurry.abort();
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
      const generation = this.#generation;
      try {
        const certificate = await this.#slots.run(() => source(identity, signal));
        entry.certificate = certificate;
        entry.failure = undefined;
        backoff.reset();
        const { notBeforeMs, notAfterMs } = certificate;
        const untilHalf = (notBeforeMs + notAfterMs) / 2 - clock.now();
        const isLate = generation !== this.#generation;
        waitMs = isLate ? 0 : Math.max(1_000, untilHalf * (1 - renewalJitter * random()));
        log.info({ identity, expires: new Date(notAfterMs).toISOString() }, 'certificate issued');
        for (const wake of entry.waiting) wake();
      } catch (error) {
        if (signal.aborted) return;
        entry.failure = error instanceof Error ? error : new Error(String(error));
        waitMs = backoff.nextMs();
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
