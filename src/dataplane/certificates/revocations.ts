// What is known of revoked certificates, and every tunnel connection that must end when one of its
// certificates is revoked (protocol section 5.7). TLS itself is not given the lists: it would look at
// them only in the handshake, and refuse every peer whose issuer publishes none.

import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { CountingMetric, MetricsRegistry } from '../../runtime/metrics.ts';
import type { RevocationFile } from '../../wire/x509/revocation-file.ts';
import type { RevocationList } from '../../wire/x509/revocation-list.ts';
import { chainIn, type Link, linkText, peerChain } from './certificate-chain.ts';
import { judgeChain, type KnownList, nameKey, type Revocation } from './judge-chain.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

/** Connections beyond it are judged when they open, but not again. */
const maxTracked = 65_536;

type Reporter = 'source' | 'destination';

/** Judges the certificates of a tunnel connection. */
export interface PeerCheck {
  /** To be called after the handshake. Calls back when a certificate of either side is revoked later,
   * until the answer is disposed. Throws AMB1521 when one is revoked already. */
  admit(
    socket: TLSSocket,
    own: WorkloadCertificate,
    onRevoked: (error: AmbitError) => void,
  ): Disposable;
}

/** One list for operators. */
export interface ListState {
  readonly issuer: string;
  readonly thisUpdate: string;
  readonly nextUpdate?: string;
  readonly revoked: number;
  readonly finding?: 'AMB1523' | 'AMB1524';
}

export interface RevocationsOptions {
  readonly registry: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Tracked {
  readonly reporter: Reporter;
  readonly peer: readonly Link[];
  readonly own: WorkloadCertificate;
  readonly onRevoked: (error: AmbitError) => void;
}

/** The lists in force and the connections that they concern. */
export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #rejections: CountingMetric<'reporter'>;
  readonly #untracked: CountingMetric<'reporter'>;
  readonly #tracked = new Set<Tracked>();
  readonly #listeners = new Set<() => void>();
  readonly #own = new WeakMap<
    WorkloadCertificate,
    { chain: readonly Link[]; roots: readonly Link[] }
  >();
  readonly #findings = new Map<RevocationList, 'AMB1523' | 'AMB1524'>();
  #lists = new Map<string, readonly KnownList[]>();

  constructor(options: RevocationsOptions) {
    this.#options = options;
    const { rejections, untracked } = revocationMetrics(options.registry);
    this.#rejections = rejections;
    this.#untracked = untracked;
  }

  /** The check of one end: `source` opens connections, `destination` accepts them. */
  checkFor(reporter: Reporter): PeerCheck {
    return { admit: (socket, own, onRevoked) => this.#admit(reporter, socket, own, onRevoked) };
  }

  /** Puts lists in force and ends what they revoke. Where a file is broken in part, the lists before it
   * stay for every issuer that it brings no readable list of. */
  apply({ lists, problems }: RevocationFile): void {
    const next = Map.groupBy(lists, ({ issuer }) => nameKey(issuer));
    const known = [...next].map(
      ([issuer, some]) =>
        [issuer, some.map((list): KnownList => ({ list, signedBy: new Map() }))] as const,
    );
    const before = problems.length === 0 ? [] : [...this.#lists];
    this.#lists = new Map([...before, ...known]);
    this.lookForExpired();
    for (const connection of this.#tracked) {
      const error = this.#problemOf(connection.peer, connection.own);
      if (error === undefined) continue;
      this.#tracked.delete(connection);
      this.#rejections.add({ reporter: connection.reporter });
      connection.onRevoked(error);
    }
    for (const listener of this.#listeners) listener();
  }

  /** Reports lists that are past the time of their next update. They stay in force: what they revoke is
   * still revoked, and what was revoked since is not known. */
  lookForExpired(): void {
    const now = this.#options.clock.now();
    for (const { list } of [...this.#lists.values()].flat()) {
      if (list.nextUpdateMs === undefined || list.nextUpdateMs > now) continue;
      const due = new Date(list.nextUpdateMs).toISOString();
      this.#report(list, 'AMB1523', `the next one was due on ${due}`);
    }
  }

  /** Whether an own certificate is revoked, so that another should be asked for. */
  isRevoked(own: WorkloadCertificate): boolean {
    return this.#ownProblem(own) !== undefined;
  }

  /** Calls back after every change of the lists, until the answer is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Every list in force. */
  states(): readonly ListState[] {
    return [...this.#lists.values()].flat().map(({ list }) => {
      const finding = this.#findings.get(list);
      return {
        issuer: list.issuerName,
        thisUpdate: new Date(list.thisUpdateMs).toISOString(),
        ...(list.nextUpdateMs !== undefined && {
          nextUpdate: new Date(list.nextUpdateMs).toISOString(),
        }),
        revoked: list.revoked.size,
        ...(finding && { finding }),
      };
    });
  }

  #admit(
    reporter: Reporter,
    socket: TLSSocket,
    own: WorkloadCertificate,
    onRevoked: (error: AmbitError) => void,
  ): Disposable {
    const peer = peerChain(socket);
    if (peer === undefined || this.#tracked.size >= maxTracked) {
      this.#untracked.add({ reporter });
      if (peer === undefined) return { [Symbol.dispose]: () => undefined };
    }
    const error = this.#problemOf(peer, own);
    if (error !== undefined) {
      this.#rejections.add({ reporter });
      throw error;
    }
    const tracked: Tracked = { reporter, peer, own, onRevoked };
    if (this.#tracked.size < maxTracked) this.#tracked.add(tracked);
    return { [Symbol.dispose]: () => void this.#tracked.delete(tracked) };
  }

  #problemOf(peer: readonly Link[], own: WorkloadCertificate): AmbitError | undefined {
    const revocation = this.#judge(peer, this.#linksOf(own).roots);
    if (revocation !== undefined) return revoked('the peer', revocation);
    return this.#ownProblem(own);
  }

  #ownProblem(own: WorkloadCertificate): AmbitError | undefined {
    const { chain, roots } = this.#linksOf(own);
    const revocation = this.#judge(chain, roots);
    return revocation && revoked('this end', revocation);
  }

  #judge(chain: readonly Link[], roots: readonly Link[]): Revocation | undefined {
    return judgeChain(chain, roots, this.#lists, ({ list }) =>
      this.#report(list, 'AMB1524', 'no authority that is trusted here has signed it'),
    );
  }

  #linksOf(own: WorkloadCertificate): { chain: readonly Link[]; roots: readonly Link[] } {
    const known = this.#own.get(own);
    if (known !== undefined) return known;
    const links = {
      chain: chainIn(own.certChainPem) ?? [],
      roots: chainIn(own.rootsPem) ?? [],
    };
    this.#own.set(own, links);
    return links;
  }

  /** Once for each list. */
  #report(list: RevocationList, code: 'AMB1523' | 'AMB1524', what: string): void {
    if (this.#findings.get(list) === code) return;
    this.#findings.set(list, code);
    const error = new AmbitError(code, what, { object: `revocation list of ${list.issuerName}` });
    this.#options.log.warn({ code, remedy: error.remedy }, error.message);
  }
}

/** Registers the metrics of section 7.1. */
export function revocationMetrics(registry: MetricsRegistry): {
  readonly rejections: CountingMetric<'reporter'>;
  readonly untracked: CountingMetric<'reporter'>;
} {
  return {
    rejections: registry.counter({
      name: 'istio_crl_policy_rejections_total',
      help: 'Tunnel connections refused or closed because a certificate was revoked.',
      labels: ['reporter'],
    }),
    untracked: registry.counter({
      name: 'istio_crl_untracked_connections_total',
      help: 'Tunnel connections that are not closed when a certificate is revoked later.',
      labels: ['reporter'],
    }),
  };
}

function revoked(whose: string, { link, list, entry }: Revocation): AmbitError {
  const on = new Date(entry.revokedAtMs).toISOString();
  const why = entry.reason === undefined ? '' : ` (${entry.reason})`;
  return new AmbitError(
    'AMB1521',
    `the certificate of ${whose}, ${linkText(link)}, was revoked on ${on} by ${list.issuerName}${why}`,
  );
}
