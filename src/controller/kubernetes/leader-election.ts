// Which of several controllers writes, by a Lease (coordination.k8s.io): it belongs to whom it names, for
// as long as it keeps changing. Times that others write into it are not believed, since clocks differ:
// each replica judges by its own clock how long it has seen no change.

import type { Clock } from '../../runtime/clock.ts';
import { causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import { type ApiClient, ApiError, type SendOptions } from './api-client.ts';
import { ListAndWatch } from './list-and-watch.ts';

/** How long a Lease lasts that nobody renews. */
export const leaseMs = 15_000;
/** After this long without a renewal its holder writes no more: a third of the Lease before others may. */
export const renewWithinMs = 10_000;
/** How often it is renewed, and looked at by those who wait for it. */
export const retryMs = 2_000;
const retryJitter = 0.2;
/** How often a Lease is tried to be given away. */
const releaseAttempts = 2;

/** A Lease, as far as it is read. */
type Lease = KubernetesObject<LeaseSpec>;

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** The permission to write. */
export interface Term {
  /** Fires when it is lost. */
  readonly signal: AbortSignal;
  /** Whether it holds now. To be asked before every write: a process that was stopped for a while knows
   * only by its clock that others have gone on. */
  isHeld(): boolean;
}

/** What an election is made of. */
export interface ElectionOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Unlike that of all others who are alive. */
  readonly identity: string;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
  /** Told when a term begins. */
  readonly onTerm: () => void;
}

/** Takes part in an election from `start` to its disposal. */
export class LeaderElection implements AsyncDisposable {
  readonly #options: ElectionOptions;
  readonly #end = new AbortController();
  #running: Promise<void> | undefined;
  #watch: ListAndWatch | undefined;
  /** Ends the wait for the next look. */
  #wake = new AbortController();
  #term: { readonly control: AbortController; readonly term: Term } | undefined;
  #renewedAt = 0;
  /** The newest Lease, and since when nothing newer was seen. */
  #seen: { readonly version: string; readonly atMs: number } | undefined;
  #holder = '';
  #isForbidden = false;

  constructor(options: ElectionOptions) {
    this.#options = options;
  }

  /** The present term, if this replica leads. */
  get term(): Term | undefined {
    const term = this.#term?.term;
    return term?.isHeld() === true ? term : undefined;
  }

  /** Who leads, as far as is known here; empty when nobody does. */
  get holder(): string {
    return this.#holder;
  }

  get identity(): string {
    return this.#options.identity;
  }

  /** Begins to take part. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run();
    const { client, clock, name, random } = this.#options;
    // Only to look at once when it is given away: what counts is read at the look.
    this.#watch = new ListAndWatch({
      client,
      clock,
      ...(random && { random }),
      path: this.#path(false),
      selectors: { fieldSelector: `metadata.name=${name}` },
      onSet: (lease) => {
        const { spec } = lease as Lease;
        if ((spec?.holderIdentity ?? '') === '') this.#wake.abort();
      },
      onDelete: () => this.#wake.abort(),
      onListed: () => {},
      onTrouble: () => {},
    });
  }

  /** Ends the term at once, without giving the Lease away: first whoever writes has to have ended. */
  stop(): void {
    this.#end.abort();
    this.#lose('this replica ends');
  }

  /** Ends taking part; a successor need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    const led = this.#holder === this.#options.identity;
    this.stop();
    await this.#watch?.[Symbol.asyncDispose]();
    await this.#running;
    if (led) await this.#release();
  }

  async #run(): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      const beganAt = clock.monotonic();
      try {
        await this.#look(beganAt);
        this.#isForbidden = false;
      } catch (error) {
        this.#note(error);
      }
      if (this.#term?.term.isHeld() === false) this.#lose('it was not renewed in time');
      const spread = 1 + retryJitter * (2 * random() - 1);
      this.#wake = new AbortController();
      const woken = AbortSignal.any([signal, this.#wake.signal]);
      await clock.wait(retryMs * spread, woken).catch(() => undefined);
    }
  }

  /** One look at the Lease, and what follows from it. `nowMs` is from before the look: a renewal counts from
   * when it was sent. */
  async #look(nowMs: number): Promise<void> {
    const { client, clock, identity } = this.#options;
    const lease = await client.get<Lease>(this.#path(true), this.#sending());
    if (this.#end.signal.aborted) return;
    if (lease === undefined) {
      await client.create(this.#path(false), this.#leaseWith({}, undefined), this.#sending());
      this.#hold(nowMs);
      return;
    }
    const { metadata, spec = {} } = lease;
    const version = metadata.resourceVersion ?? '';
    if (this.#seen?.version !== version) this.#seen = { version, atMs: clock.monotonic() };
    const { holderIdentity = '', leaseDurationSeconds = leaseMs / 1000 } = spec;
    this.#holder = holderIdentity;
    const unchangedMs = clock.monotonic() - this.#seen.atMs;
    const isFree = holderIdentity === '' || unchangedMs >= leaseDurationSeconds * 1000;
    if (holderIdentity !== identity && this.#term) this.#lose(`${holderIdentity} has taken it`);
    if (holderIdentity !== identity && !isFree) return;
    await client.replace(this.#path(true), this.#leaseWith(spec, version), this.#sending());
    this.#hold(nowMs);
  }

  #hold(nowMs: number): void {
    const { clock, log, identity, onTerm } = this.#options;
    if (this.#end.signal.aborted) return;
    this.#renewedAt = nowMs;
    this.#holder = identity;
    if (this.#term) return;
    const control = new AbortController();
    const term: Term = {
      signal: control.signal,
      isHeld: () => !control.signal.aborted && clock.monotonic() - this.#renewedAt < renewWithinMs,
    };
    if (!term.isHeld()) return;
    this.#term = { control, term };
    void this.#guard(control);
    log.info({ identity }, 'leading: this replica writes to the API');
    onTerm();
  }

  /** Ends a term that is not renewed, whatever else waits for an answer. */
  async #guard(control: AbortController): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const leftMs = this.#renewedAt + renewWithinMs - clock.monotonic();
      if (control.signal.aborted) return;
      if (leftMs <= 0) break;
      // Rejects when the term has ended.
      await clock.wait(leftMs, control.signal).catch(() => undefined);
    }
    if (this.#term?.control === control) this.#lose('it was not renewed in time');
  }

  #lose(reason: string): void {
    if (this.#term === undefined) return;
    const { log, identity } = this.#options;
    this.#term.control.abort(new Error(`no longer the leader: ${reason}`));
    this.#term = undefined;
    if (this.#end.signal.aborted) log.info({ identity }, 'no longer leading');
    else log.warn({ code: 'AMB1666', identity }, `no longer leading: ${reason}`);
  }

  /** Gives the Lease away. Should that fail, it passes to others when its time is over. */
  async #release(): Promise<void> {
    const { log } = this.#options;
    for (let left = releaseAttempts; left > 0; left--) {
      try {
        await this.#releaseOnce();
        return;
      } catch (error) {
        // A renewal that was on its way changes the version, once.
        log.debug({ code: 'AMB1622' }, `the Lease was not given away: ${causeChain(error)}`);
      }
    }
  }

  async #releaseOnce(): Promise<void> {
    const { client, identity } = this.#options;
    const options = { timeoutMs: retryMs };
    const lease = await client.get<Lease>(this.#path(true), options);
    if (lease?.spec?.holderIdentity !== identity) return;
    const { metadata, spec } = lease;
    const free = { ...spec, holderIdentity: '', leaseDurationSeconds: 1 };
    const body = { ...this.#leaseWith(spec, metadata.resourceVersion), spec: free };
    await client.replace(this.#path(true), body, options);
    this.#holder = '';
  }

  #leaseWith(before: LeaseSpec, resourceVersion: string | undefined): object {
    const { clock, namespace, name, identity } = this.#options;
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const isRenewal = before.holderIdentity === identity;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: leaseMs / 1000,
        acquireTime: isRenewal ? (before.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (before.leaseTransitions ?? 0) + (isRenewal ? 0 : 1),
      } satisfies LeaseSpec,
    };
  }

  #note(error: unknown): void {
    const { log, namespace, name } = this.#options;
    if (this.#end.signal.aborted) return;
    // Another was faster; the next look shows who.
    if (error instanceof ApiError && error.status === 409) return;
    const isForbidden = error instanceof ApiError && [401, 403].includes(error.status);
    if (isForbidden && !this.#isForbidden) {
      const object = `Lease ${namespace}/${name}`;
      log.error({ code: 'AMB1667', object }, `no part in the election: ${causeChain(error)}`);
    } else {
      log.debug({ code: 'AMB1622' }, `looking at the Lease failed: ${causeChain(error)}`);
    }
    this.#isForbidden = isForbidden;
  }

  #sending(): SendOptions {
    return { signal: this.#end.signal, timeoutMs: renewWithinMs / 2 };
  }

  #path(isNamed: boolean): string {
    const { namespace, name } = this.#options;
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    return isNamed ? `${leases}/${name}` : leases;
  }
}
