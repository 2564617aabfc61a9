// Addresses of endpoints that are known by a host name only, asked for when a connection needs them
// (protocol section 9.4) and kept for as long as DNS says.

import { type HostLookup, lookUpHost } from '../../dataplane/dns/look-up-host.ts';
import { type Endpoint, type IpAddress, isV6, parseIp } from '../../mesh/address.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';

/** Names kept at most, as Istio's; the one kept longest makes room. */
const maxNames = 4_096;
/** On whose behalf. */
export interface Client {
  readonly workload: Workload;
  readonly source: Endpoint;
}

interface Kept {
  readonly addresses: readonly IpAddress[];
  /** On the monotonic clock. */
  readonly untilMs: number;
}

/** Asks from the proxy's own namespace, and remembers. */
export class HostAddresses {
  readonly #lookup: HostLookup;
  readonly #count: (hostname: string, client: Workload) => void;
  readonly #maxNames: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #kept = new Map<string, Kept>();
  /** Whoever asks meanwhile shares the answer. */
  readonly #asking = new Map<string, Promise<readonly IpAddress[]>>();

  constructor(options: {
    readonly lookup: HostLookup;
    /** Names kept at most. */
    readonly maxNames?: number;
    /** Called for every connection that needs a name. */
    readonly count: (hostname: string, client: Workload) => void;
    readonly clock: Clock;
    /** Numbers in [0, 1). */
    readonly random: () => number;
  }) {
    this.#lookup = options.lookup;
    this.#maxNames = options.maxNames ?? maxNames;
    this.#count = options.count;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** One of the addresses of a name by chance, of the family that the client used if there is one.
   * @throws AmbitError AMB1422 */
  async addressOf(hostname: string, client: Client): Promise<IpAddress> {
    this.#count(hostname, client.workload);
    const like = client.source.address;
    const all = await this.#addressesOf(hostname.toLowerCase());
    const alike = all.filter((address) => isV6(address) === isV6(like));
    const among = alike.length > 0 ? alike : all;
    const chosen = among[Math.floor(this.#random() * among.length)];
    if (chosen === undefined) throw new AmbitError('AMB1422', `${hostname} has no address`);
    return chosen;
  }

  #addressesOf(hostname: string): Promise<readonly IpAddress[]> {
    const kept = this.#kept.get(hostname);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonic()) {
      return Promise.resolve(kept.addresses);
    }
    const asking = this.#asking.get(hostname) ?? this.#ask(hostname);
    this.#asking.set(hostname, asking);
    const settled = (): void => void this.#asking.delete(hostname);
    asking.then(settled, settled);
    return asking;
  }

  async #ask(hostname: string): Promise<readonly IpAddress[]> {
    const { addresses, ttlSeconds } = await lookUpHost(this.#lookup, hostname);
    if (parseIp(hostname) === undefined) this.#keep(hostname, addresses, ttlSeconds);
    return addresses;
  }

  /** Until the first of the records ends. */
  #keep(hostname: string, addresses: readonly IpAddress[], ttlSeconds: number): void {
    this.#kept.delete(hostname);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < this.#maxNames) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(hostname, {
      addresses,
      untilMs: this.#clock.monotonic() + ttlSeconds * 1_000,
    });
  }
}
