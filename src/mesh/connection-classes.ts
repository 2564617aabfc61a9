// Sorts connections into classes that a set of policies cannot tell apart, so that each class is judged
// once however many connections it has (protocol section 6). Pure.

import { type AddressWords, type Cidr, ipToWords } from './address.ts';
import type { Authorization, AuthorizationMatch } from './authorization.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import { Prefixes } from './prefixes.ts';

/** The addresses of a connection, parsed once. */
export interface ConnectionWords {
  readonly source: AddressWords;
  readonly destination: AddressWords;
}

/** Parses the addresses of a connection. */
export function wordsOf({ source, destination }: ConnectionFacts): ConnectionWords {
  return { source: ipToWords(source.address), destination: ipToWords(destination.address) };
}

/** What some policies look at. Two connections with equal keys get equal verdicts from them. */
export class ConnectionClasses {
  readonly #sources: Prefixes;
  readonly #destinations: Prefixes;
  readonly #ports: ReadonlySet<number>;
  readonly #readsIdentity: boolean;

  constructor(policies: readonly Authorization[]) {
    const matches = policies.flatMap(({ groups }) =>
      groups.flatMap(({ clauses }) => clauses.flatMap((clause) => clause.matches)),
    );
    this.#sources = new Prefixes(
      matches.flatMap(({ sourceIps, notSourceIps }) => unnoted(sourceIps, notSourceIps)),
    );
    this.#destinations = new Prefixes(
      matches.flatMap(({ destinationIps, notDestinationIps }) =>
        unnoted(destinationIps, notDestinationIps),
      ),
    );
    this.#ports = new Set(
      matches.flatMap(({ destinationPorts, notDestinationPorts }) => [
        ...destinationPorts,
        ...notDestinationPorts,
      ]),
    );
    this.#readsIdentity = matches.some(readsIdentity);
  }

  /** The class of a connection. */
  keyOf(facts: ConnectionFacts, { source, destination }: ConnectionWords): string {
    const { port } = facts.destination;
    const identity = this.#readsIdentity ? (facts.sourceIdentity ?? '') : '';
    const from = this.#sources.size === 0 ? '' : this.#sources.longest(source);
    const to = this.#destinations.size === 0 ? '' : this.#destinations.longest(destination);
    return `${identity} ${from} ${to} ${this.#ports.has(port) ? port : ''}`;
  }
}

function unnoted(...lists: readonly (readonly Cidr[])[]): (readonly [Cidr, undefined])[] {
  return lists.flat().map((network) => [network, undefined]);
}

function readsIdentity(match: AuthorizationMatch): boolean {
  return (
    match.namespaces.length + match.notNamespaces.length > 0 ||
    match.principals.length + match.notPrincipals.length > 0 ||
    match.serviceAccounts.length + match.notServiceAccounts.length > 0
  );
}
