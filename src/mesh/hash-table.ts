// Tables that lead a hash to one of several members such that little moves when a member comes or goes:
// the ring of Karger et al. ("Consistent hashing and random trees", 1997) as Ketama made it known, and
// the table of Maglev (Eisenbud et al., 2016, section 3.4). Built once for a set of members; whoever
// cannot be used at a time is passed over, which moves nobody else's keys.

import { finalized, hashText } from './hash-text.ts';

/** A member, whose key must not change as long as it is the same. */
export interface HashMember {
  readonly key: string;
  /** A whole number above 0. */
  readonly weight: number;
}

/** Leads hashes of 32 bits to members. */
export interface HashTable {
  /** The index of the member that a hash leads to, among those that may be used; undefined when there
   * are none. */
  find(hash: number, isUsable: (index: number) => boolean): number | undefined;
}

/** Rings may be this large, because as long as they do not have to be made smaller the places of a member
 * depend on its own weight alone, and one member more moves no keys among the others. */
const usualRingSize = 131_072;
/** Larger rings are not made, whatever is asked for: 2^20 places are sorted in a fraction of a second. */
const maxRingSize = 1_048_576;

/** Makes a ring of at least so many places. */
export function hashRing(members: readonly HashMember[], minimumSize: number): HashTable {
  const wanted = Math.min(Math.max(1, minimumSize), maxRingSize / 2);
  const unit = members.reduce((found, { weight }) => commonDivisor(found, weight), 0) || 1;
  const total = members.reduce((sum, { weight }) => sum + weight / unit, 0);
  // By halves, so that members come and go for long before a size changes.
  let places = wanted;
  while (places * total > Math.max(usualRingSize, 2 * wanted)) places /= 2;
  const counts = members.map(({ weight }) => Math.max(1, Math.round((places * weight) / unit)));
  const size = counts.reduce((sum, count) => sum + count, 0);
  // A place and its member in one number, which sorts by places: 32 and 21 bits, all that a double has.
  const packed = new Float64Array(size);
  let filled = 0;
  for (const [index, { key }] of members.entries()) {
    const own = hashText(key);
    for (let place = 0; place < (counts[index] ?? 0); place++) {
      packed[filled++] = hashOfPlace(own, place) * maxMembers + index;
    }
  }
  packed.sort();
  return { find: (hash, isUsable) => findOnRing(packed, members.length, hash, isUsable) };
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

const maxMembers = 2 ** 21;

function hashOfPlace(own: number, place: number): number {
  return finalized(own ^ Math.imul(place + 1, 0x9e3779b1));
}

function findOnRing(
  packed: Float64Array,
  members: number,
  hash: number,
  isUsable: (index: number) => boolean,
): number | undefined {
  const size = packed.length;
  const from = hash * maxMembers;
  let low = 0;
  let high = size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((packed[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  const refused = new Set<number>();
  for (let step = 0; step < size && refused.size < members; step++) {
    const index = (packed[(low + step) % size] ?? 0) % maxMembers;
    if (refused.has(index)) continue;
    if (isUsable(index)) return index;
    refused.add(index);
  }
  return undefined;
}

/** Makes a table of a prime number of places. */
export function maglevTable(members: readonly HashMember[], size: number): HashTable {
  const table = filledTable(members, size);
  return { find: (hash, isUsable) => findInTable(table, members.length, hash, isUsable) };
}

function filledTable(members: readonly HashMember[], size: number): Int32Array {
  const table = new Int32Array(size).fill(-1);
  if (members.length === 0) return table;
  const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0);
  const orders = members.map(({ key, weight }) => ({
    next: hashText(key) % size,
    skip: (hashText(key, 0x5bd1e995) % (size - 1)) + 1,
    share: weight / heaviest,
    due: 0,
  }));
  // In turns, the heaviest in each; everyone takes the next free place of an order of its own.
  for (let filled = 0; filled < size; ) {
    for (const [index, order] of orders.entries()) {
      order.due += order.share;
      if (order.due < 1) continue;
      order.due -= 1;
      while (table[order.next] !== -1) order.next = (order.next + order.skip) % size;
      table[order.next] = index;
      filled++;
      if (filled === size) break;
    }
  }
  return table;
}

/** The place itself, then others in an order that depends on the hash, so that the keys of one who is
 * out are spread over all others. */
function findInTable(
  table: Int32Array,
  members: number,
  hash: number,
  isUsable: (index: number) => boolean,
): number | undefined {
  const size = table.length;
  const step = size > 1 ? (finalized(hash) % (size - 1)) + 1 : 1;
  const refused = new Set<number>();
  let place = hash % size;
  for (let tries = 0; tries < size && refused.size < members; tries++) {
    const index = table[place] ?? -1;
    if (index >= 0 && !refused.has(index)) {
      if (isUsable(index)) return index;
      refused.add(index);
    }
    place = (place + step) % size;
  }
  return undefined;
}
