// The hash of one request, the same for all its attempts, and the cookie that is made for it.

import type { ConsistentHash } from '../../mesh/destination.ts';
import { formatCookie, type HashFacts, hashInput } from '../../mesh/hash-input.ts';
import { hashText } from '../../mesh/hash-text.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';

/** Digits of a made cookie's value. */
const cookieDigits = 16;

export class RequestHash {
  readonly #facts: HashFacts;
  readonly #hex: (digits: number) => string;
  /** Values by the cookie's name, for as long as attempts are made. */
  readonly #made = new Map<string, string>();
  #setCookie: string | undefined;

  constructor(facts: HashFacts, hex: (digits: number) => string) {
    this.#facts = facts;
    this.#hex = hex;
  }

  /** The hash by a rule; undefined where nothing of the request decides. */
  by(rule: ConsistentHash | undefined): number | undefined {
    this.#setCookie = undefined;
    if (rule === undefined) return undefined;
    const input = hashInput(rule, this.#facts);
    switch (input.kind) {
      case 'none':
        return undefined;
      case 'key':
        return hashText(input.key);
      case 'make': {
        const { name } = input.cookie;
        const value = this.#made.get(name) ?? this.#hex(cookieDigits);
        this.#made.set(name, value);
        this.#setCookie = formatCookie(input.cookie, value);
        return hashText(value);
      }
    }
  }

  /** What the answer to the attempt that was hashed last is to have. */
  get headers(): HeaderList {
    return this.#setCookie === undefined ? [] : [['set-cookie', this.#setCookie]];
  }
}
