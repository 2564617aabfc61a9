// Finds the longest of many networks that contains an address. Two addresses with the same one are in
// exactly the same networks of the set, as networks contain each other or have nothing in common.

import { type AddressWords, type Cidr, ipToWords, maskedWord } from './address.ts';

/** A set of networks; does not change. */
export class Prefixes {
  readonly size: number;
  /** Per family, by the number of words: the lengths in use, longest first, and the networks of each. */
  readonly #families = new Map<number, Map<number, Set<string>>>();

  constructor(networks: Iterable<Cidr>) {
    let size = 0;
    for (const { address, length } of networks) {
      const words = ipToWords(address);
      const lengths = this.#families.get(words.length) ?? new Map<number, Set<string>>();
      const known = lengths.get(length) ?? new Set<string>();
      this.#families.set(words.length, lengths);
      lengths.set(length, known.add(masked(words, length)));
      size++;
    }
    this.size = size;
    for (const [family, lengths] of this.#families) {
      this.#families.set(family, new Map([...lengths].sort(([one], [other]) => other - one)));
    }
  }

  /** A text that stands for the longest network with the address; the same for all that are in none. */
  longest(words: AddressWords): string {
    for (const [length, known] of this.#families.get(words.length) ?? []) {
      const network = masked(words, length);
      if (known.has(network)) return `${network}/${length}`;
    }
    return '';
  }
}

function masked(words: AddressWords, length: number): string {
  let text = '';
  for (let index = 0; index * 32 < length; index++) {
    text += `${maskedWord(words, index, length).toString(36)}.`;
  }
  return `${words.length}:${text}`;
}
