// A fast hash for spreading keys over endpoints. Not for secrets. Every replica of a waypoint, now and in
// later versions, must give the same numbers, or clients would change their endpoints.

/** Hashes to 32 bits, without a sign. FNV-1a over the UTF-16 units, low byte first, and the finalizer of
 * MurmurHash3, without which texts that differ at their end only would lie close together. */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    hash = Math.imul(hash ^ (unit & 0xff), fnvPrime);
    hash = Math.imul(hash ^ (unit >>> 8), fnvPrime);
  }
  return finalized(hash);
}

/** The same for a number of 32 bits. */
export function finalized(number: number): number {
  let hash = number;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const fnvPrime = 0x01000193;
