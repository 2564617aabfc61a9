// The addresses of host names that services have for endpoints, as Envoy's strict DNS keeps them: a name
// is asked for when it is first needed, then again whenever its records end, for as long as it is used.

import { type HostLookup, lookUpHost } from '../../dataplane/dns/look-up-host.ts';
import type { IpAddress } from '../../mesh/address.ts';
import type { Clock } from '../../runtime/clock.ts';
import { causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';

/** Names kept at most; the one that was used longest ago makes room. */
const maxNames = 4_096;
/** However short the life of records is. Milliseconds. */
const minRefreshMs = 1_000;
/** Between questions while nobody answers; also how long a first failure counts. */
export const retryMs = 2_000;
/** A name that nobody has needed for so long is forgotten. */
export const idleMs = 300_000;

interface Entry {
  /** Rejects while no question has been answered well. */
  addresses: Promise<readonly IpAddress[]>;
  /** The same once there are any. */
  known: readonly IpAddress[];
  usedMs: number;
  readonly end: AbortController;
}

/** Resolves names and keeps them resolved. */
export class HostTable implements Disposable {
  readonly #lookup: HostLookup;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #maxNames: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();

  constructor(options: {
    readonly lookup: HostLookup;
    readonly clock: Clock;
    readonly log: Logger;
    /** Names kept at most. */
    readonly maxNames?: number;
  }) {
    this.#lookup = options.lookup;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#maxNames = options.maxNames ?? maxNames;
  }

  /** All addresses of a name. After the first answer the last good one is given, whatever became of the
   * name servers. @throws AmbitError AMB1422 */
  addressesOf(hostname: string): Promise<readonly IpAddress[]> {
    const name = hostname.toLowerCase();
    const entry = this.#entries.get(name) ?? this.#start(name);
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    entry.usedMs = this.#clock.monotonic();
    return entry.addresses;
  }

  /** Names and what they lead to at the moment, for the admin port. */
  dump(): Readonly<Record<string, readonly IpAddress[]>> {
    return Object.fromEntries([...this.#entries].map(([name, { known }]) => [name, known]));
  }

  #start(name: string): Entry {
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < this.#maxNames) break;
      this.#forget(oldest);
    }
    const first = lookUpHost(this.#lookup, name);
    const addresses = first.then((one) => one.addresses);
    const entry: Entry = { addresses, known: [], usedMs: 0, end: new AbortController() };
    // Whoever asked is told; here it only must not count as unhandled.
    addresses.catch(() => undefined);
    void this.#follow(name, entry, first).catch(() => undefined);
    return entry;
  }

  /** Ends with the entry. */
  async #follow(name: string, entry: Entry, first: ReturnType<typeof lookUpHost>): Promise<void> {
    let asked = first;
    for (;;) {
      let waitMs = retryMs;
      try {
        const { addresses, ttlSeconds } = await asked;
        entry.addresses = Promise.resolve(addresses);
        entry.known = addresses;
        waitMs = Math.max(minRefreshMs, ttlSeconds * 1_000);
      } catch (error) {
        const kept =
          entry.known.length > 0 ? 'its last addresses stay in use' : 'it has no address';
        const code = codeOf(error);
        this.#log.warn({ code, name, error: causeChain(error) }, `not resolved, ${kept}`);
      }
      await this.#clock.wait(waitMs, entry.end.signal);
      const isIdle = this.#clock.monotonic() - entry.usedMs >= idleMs;
      if (isIdle || entry.known.length === 0) {
        this.#forget(name, entry);
        return;
      }
      asked = lookUpHost(this.#lookup, name);
    }
  }

  #forget(name: string, only = this.#entries.get(name)): void {
    only?.end.abort(new Error('the name is not needed any more'));
    if (this.#entries.get(name) === only) this.#entries.delete(name);
  }

  [Symbol.dispose](): void {
    for (const name of this.#entries.keys()) this.#forget(name);
  }
}
