// Finds those of many networks that contain an address. Two addresses with the same longest one are in
// exactly the same networks of the set, as networks contain each other or have nothing in common.

import { type AddressWords, type Cidr, ipToWords, maskedWord } from './address.ts';

/** Networks with what is noted for each; does not change. */
export class Prefixes<Note = unknown> {
  readonly size: number;
  /** Per family, by the number of words: the lengths in use, longest first, and the networks of each. */
  readonly #families = new Map<number, Map<number, Map<string, Note[]>>>();

  constructor(networks: Iterable<readonly [Cidr, Note]>) {
    let size = 0;
    for (const [{ address, length }, note] of networks) {
      const words = ipToWords(address);
      const lengths = this.#families.get(words.length) ?? new Map<number, Map<string, Note[]>>();
      this.#families.set(words.length, lengths);
      const known = lengths.get(length) ?? new Map<string, Note[]>();
      lengths.set(length, known);
      const network = masked(words, length);
      const notes = known.get(network);
      if (notes === undefined) known.set(network, [note]);
      else notes.push(note);
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

  /** What is noted for each network with the address. */
  *containing(words: AddressWords): Generator<readonly Note[], void> {
    for (const [length, known] of this.#families.get(words.length) ?? []) {
      const notes = known.get(masked(words, length));
      if (notes !== undefined) yield notes;
    }
  }
}

function masked(words: AddressWords, length: number): string {
  let text = '';
  for (let index = 0; index * 32 < length; index++) {
    text += `${maskedWord(words, index, length).toString(36)}.`;
  }
  return `${words.length}:${text}`;
}
