// Compares what nft lists with the tables that are wanted. Pure.

import { isDeepStrictEqual } from 'node:util';
import { ruleExpressions } from './rule.ts';
import type { Table } from './table.ts';

/** What is wrong with the installed tables, as sentence parts; empty when they are as wanted.
 * @param listing the parsed answer of `nft --json list ruleset`
 * @param names the tables that are ours: one of them that is not wanted is a difference too
 * @param elements what named sets must hold */
export function differences(
  listing: unknown,
  names: readonly string[],
  wanted: readonly Table[],
  elements: SetElements = new Map(),
): string[] {
  const entries = entriesOf(listing).filter((entry) => entry['family'] === 'inet');
  const problems: string[] = [];
  for (const name of names) {
    const table = wanted.find((candidate) => candidate.name === name);
    const own = entries.filter((entry) => entry['table'] === name);
    const exists = entries.some((entry) => entry.what === 'table' && entry['name'] === name);
    if (table === undefined) {
      if (exists) problems.push(`table ${name} should not be there`);
    } else if (!exists) {
      problems.push(`table ${name} is missing`);
    } else {
      problems.push(...tableDifferences(own, table, elements));
    }
  }
  return problems;
}

type Entry = Readonly<Record<string, unknown>> & { readonly what: string };

type SetElements = ReadonlyMap<string, ReadonlySet<string>>;

function tableDifferences(own: readonly Entry[], table: Table, elements: SetElements): string[] {
  const problems: string[] = [];
  for (const set of table.sets) {
    const found = own.find((entry) => entry.what === 'set' && entry['name'] === set.name);
    if (found?.['type'] !== set.type) {
      problems.push(`set ${table.name} ${set.name} is missing`);
      continue;
    }
    const wanted = elements.get(set.name);
    const held = new Set(elementsOf(found['elem']));
    if (wanted !== undefined && !isDeepStrictEqual(held, wanted)) {
      problems.push(`set ${table.name} ${set.name} has other elements`);
    }
  }
  for (const chain of table.chains) {
    const place = `chain ${table.name} ${chain.name}`;
    const found = own.find((entry) => entry.what === 'chain' && entry['name'] === chain.name);
    if (found === undefined) {
      problems.push(`${place} is missing`);
      continue;
    }
    const { hook } = chain;
    const hooked = [found['type'], found['hook'], found['prio']];
    if (!isDeepStrictEqual(hooked, [hook?.type, hook?.at, hook?.priority])) {
      problems.push(`${place} is at another hook`);
    }
    const rules = own.filter((entry) => entry.what === 'rule' && entry['chain'] === chain.name);
    if (rules.length !== chain.rules.length) {
      problems.push(`${place} has ${rules.length} rules instead of ${chain.rules.length}`);
      continue;
    }
    chain.rules.forEach((rule, index) => {
      const listed = canonical(rules[index]?.['expr']);
      if (!isDeepStrictEqual(listed, canonical(ruleExpressions(rule)))) {
        problems.push(`${place} differs in the rule "${rule.comment}"`);
      }
    });
  }
  return problems;
}

/** An element is listed as its value, or with its comment as `{ elem: { val } }`. */
function elementsOf(list: unknown): unknown[] {
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    const elem = isRecord(item) ? item['elem'] : item;
    return isRecord(elem) ? elem['val'] : elem;
  });
}

function entriesOf(listing: unknown): Entry[] {
  const list = isRecord(listing) ? listing['nftables'] : undefined;
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    if (!isRecord(item)) return [];
    return Object.entries(item).flatMap(([what, body]) =>
      isRecord(body) ? [{ ...body, what }] : [],
    );
  });
}

/** Drops counters, and takes versions of nft for equal that differ in how they list the same: whether
 * they fold `(x & a) | b`, and whether one value of a set of bits is equality or membership. Where a
 * system has no /etc/protocols, as images have none, protocols are listed by number. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isRecord(item) && 'counter' in item)).map(canonical);
  }
  if (!isRecord(value)) return value;
  const or = value['|'];
  if (Array.isArray(or)) {
    const [left, bits] = or as unknown[];
    const and = isRecord(left) ? left['&'] : undefined;
    if (Array.isArray(and) && typeof bits === 'number' && typeof and[1] === 'number') {
      return { '|': [{ '&': [canonical(and[0]), (and[1] & ~bits) >>> 0] }, bits] };
    }
  }
  const { left: matched, right } = value;
  if (isRecord(matched) && isDeepStrictEqual(matched['meta'], { key: 'l4proto' })) {
    return { ...value, right: protocolNumbers.get(right) ?? right };
  }
  const entries = Object.entries(value).map(([key, item]) => [key, canonical(item)] as const);
  return { ...Object.fromEntries(entries), ...(value['op'] === 'in' && { op: '==' }) };
}

/** IANA's protocol numbers. */
const protocolNumbers = new Map<unknown, number>([
  ['tcp', 6],
  ['udp', 17],
]);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
