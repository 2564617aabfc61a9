// The addresses behind host names of endpoints, asked of the proxy's own name servers from its own
// namespace (protocol section 8.4, "on-demand DNS"). An address that was good is used again when nobody
// can be asked: name servers fail more often than addresses move.

import { Resolver } from 'node:dns/promises';
import { formatEndpoint, type IpAddress, parseIp } from '../../mesh/address.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { NameServer } from '../../runtime/resolv-conf.ts';

/** As many as Istio's proxy keeps. */
export const maxHosts = 4_096;
/** Records of shorter or longer life are kept this long. */
const lifeMs = { min: 5_000, max: 300_000 } as const;
const asking = { timeout: 2_000, tries: 2 } as const;

interface Entry {
  readonly addresses: readonly IpAddress[];
  readonly freshUntilMs: number;
}

/** Resolves and remembers. */
export class HostAddresses {
  readonly #nameServers: () => Promise<readonly NameServer[]>;
  readonly #clock: Clock;
  readonly #known = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<void>>();

  constructor(options: {
    readonly nameServers: () => Promise<readonly NameServer[]>;
    readonly clock: Clock;
  }) {
    this.#nameServers = options.nameServers;
    this.#clock = options.clock;
  }

  /** The addresses of a host while they are fresh; never empty. */
  known(host: string): readonly IpAddress[] | undefined {
    const entry = this.#known.get(host);
    if (entry === undefined || entry.freshUntilMs <= this.#clock.monotonic()) return undefined;
    return entry.addresses;
  }

  /** Asks for a host, once however many wait; then it is known. @throws AmbitError AMB1455 when it has no
   * address, or nobody answers and it never was known; the signal's reason */
  async resolve(host: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let asked = this.#asked.get(host);
    if (asked === undefined) {
      asked = this.#ask(host).finally(() => this.#asked.delete(host));
      this.#asked.set(host, asked);
    }
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([asked, ended]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #ask(host: string): Promise<void> {
    const resolver = new Resolver(asking);
    const servers = await this.#nameServers();
    resolver.setServers(servers.map(serverText));
    const [ipv4, ipv6] = await Promise.allSettled([
      resolver.resolve4(host, { ttl: true }),
      resolver.resolve6(host, { ttl: true }),
    ]);
    const records = [ipv4, ipv6].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const addresses = records.flatMap(({ address }) => parseIp(address) ?? []);
    if (addresses.length > 0) {
      const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
      this.#remember(host, addresses, Math.max(lifeMs.min, Math.min(lifeMs.max, ttlMs)));
      return;
    }
    const stale = this.#known.get(host);
    const failure = [ipv4, ipv6].find(
      (one) => one.status === 'rejected' && !saysNothing(one.reason),
    );
    if (stale !== undefined && failure !== undefined) {
      this.#remember(host, stale.addresses, lifeMs.min);
      return;
    }
    this.#known.delete(host);
    const asked = servers.map(({ address }) => address).join(', ') || 'nobody';
    const cause = failure?.status === 'rejected' ? { cause: failure.reason as unknown } : {};
    throw new AmbitError('AMB1455', `${host} has no address, asked ${asked}`, cause);
  }

  #remember(host: string, addresses: readonly IpAddress[], forMs: number): void {
    this.#known.delete(host);
    const [oldest] = this.#known.keys();
    if (this.#known.size >= maxHosts && oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(host, { addresses, freshUntilMs: this.#clock.monotonic() + forMs });
  }
}

function serverText({ address, port }: NameServer): string {
  const parsed = parseIp(address);
  return parsed === undefined ? address : formatEndpoint({ address: parsed, port });
}

/** Whether a server has answered that there is nothing. */
function saysNothing(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return code === 'ENODATA' || code === 'ENOTFOUND';
}
