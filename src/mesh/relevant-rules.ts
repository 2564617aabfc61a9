// Finds the few rules of many policies that can match a connection, so that judging ten thousand
// connections anew does not try each against each rule (protocol section 6). Pure. A rule is filed under
// one condition that it cannot match without; whether it does match is for who asks to find out.

import type { Cidr } from './address.ts';
import type {
  Authorization,
  AuthorizationGroup,
  AuthorizationMatch,
  PolicyRule,
} from './authorization.ts';
import type { ConnectionWords } from './connection-classes.ts';
import type { ConnectionFacts } from './connection-facts.ts';
import { identityParts, principalOf } from './identity.ts';
import { Prefixes } from './prefixes.ts';

type Match = AuthorizationMatch;

/** A condition by which rules can be filed: the keys of a match, undefined where it has none. */
type Keys<Key> = (match: Match) => readonly Key[] | undefined;

/** Conditions on texts and numbers. The first letter keeps them apart. */
const textConditions: readonly Keys<string>[] = [
  ({ principals }) => exactly('p', principals),
  ({ serviceAccounts }) =>
    orNone(serviceAccounts.map((one) => accountKey(one.namespace, one.serviceAccount))),
];
const laterConditions: readonly Keys<string>[] = [
  ({ namespaces }) => exactly('n', namespaces),
  ({ destinationPorts }) => orNone(destinationPorts.map((port) => `d${port}`)),
];

/** The rules of some policies; does not change. */
export class RelevantRules {
  readonly #rules: PolicyRule[] = [];
  /** Places in `#rules`. */
  readonly #always: number[] = [];
  readonly #byText = new Map<string, number[]>();
  readonly #bySource: Prefixes<number>;
  readonly #byDestination: Prefixes<number>;

  constructor(policies: readonly Authorization[]) {
    const sources: [Cidr, number][] = [];
    const destinations: [Cidr, number][] = [];
    for (const policy of policies) {
      for (const [index, group] of policy.groups.entries()) {
        const place = this.#rules.push({ policy, index }) - 1;
        this.#file(group, place, sources, destinations);
      }
    }
    this.#bySource = new Prefixes(sources);
    this.#byDestination = new Prefixes(destinations);
  }

  #file(
    group: AuthorizationGroup,
    place: number,
    sources: [Cidr, number][],
    destinations: [Cidr, number][],
  ): void {
    const texts = firstOf(group, textConditions);
    if (texts !== undefined) return this.#fileByText(texts, place);
    const from = firstOf(group, [({ sourceIps }) => orNone(sourceIps)]);
    if (from !== undefined) return void sources.push(...noted(from, place));
    const later = firstOf(group, laterConditions);
    if (later !== undefined) return this.#fileByText(later, place);
    const to = firstOf(group, [({ destinationIps }) => orNone(destinationIps)]);
    if (to !== undefined) return void destinations.push(...noted(to, place));
    this.#always.push(place);
  }

  #fileByText(keys: readonly string[], place: number): void {
    for (const key of keys) {
      const places = this.#byText.get(key);
      if (places === undefined) this.#byText.set(key, [place]);
      else places.push(place);
    }
  }

  /** The rules that may match, in the order of the policies and of their rules. All others do not. */
  of(facts: ConnectionFacts, words: ConnectionWords): readonly PolicyRule[] {
    const found = new Set(this.#always);
    const add = (places: Iterable<number>): void => {
      for (const place of places) found.add(place);
    };
    for (const key of keysOf(facts)) add(this.#byText.get(key) ?? []);
    for (const places of this.#bySource.containing(words.source)) add(places);
    for (const places of this.#byDestination.containing(words.destination)) add(places);
    const places = [...found].sort((one, other) => one - other);
    return places.map((place) => this.#rules[place]).filter((rule) => rule !== undefined);
  }
}

/** The keys of the first condition by which one clause of the group, all of which must hold, can be
 * filed. No keys at all: the clause holds for nothing. */
function firstOf<Key>(
  { clauses }: AuthorizationGroup,
  conditions: readonly Keys<Key>[],
): readonly Key[] | undefined {
  for (const keys of conditions) {
    for (const { matches } of clauses) {
      const found = matches.length === 0 ? [undefined] : matches.map(keys);
      const known = found.filter((one) => one !== undefined);
      if (known.length === found.length) return known.flat();
    }
  }
  return undefined;
}

function noted(networks: readonly Cidr[], place: number): [Cidr, number][] {
  return networks.map((network) => [network, place]);
}

/** An empty list puts no condition. */
function orNone<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function exactly(letter: string, patterns: Match['principals']): readonly string[] | undefined {
  const keys: string[] = [];
  for (const pattern of patterns) {
    if (pattern.kind !== 'exact') return undefined;
    keys.push(letter + pattern.value);
  }
  return orNone(keys);
}

function accountKey(namespace: string, serviceAccount: string): string {
  return `s${namespace}/${serviceAccount}`;
}

/** What a connection is filed under. Without an identity its namespace is empty, and no account is its. */
function keysOf({ sourceIdentity, destination }: ConnectionFacts): readonly string[] {
  const port = `d${destination.port}`;
  if (sourceIdentity === undefined) return ['n', port];
  const { namespace, serviceAccount } = identityParts(sourceIdentity);
  const account = accountKey(namespace, serviceAccount);
  return [`p${principalOf(sourceIdentity)}`, account, `n${namespace}`, port];
}
