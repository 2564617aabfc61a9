// Counting given strings in captured traffic, also where one is cut by the border of two consecutive
// segments of a TCP flow. Pure but for its own memory.

import type { Segment } from './frames.ts';

/** The most flows whose last bytes are remembered; the least recently seen is forgotten first. */
export const maxFlows = 4_096;

interface FlowTail {
  readonly nextSequence: number;
  readonly bytes: Buffer;
}

/** Counts occurrences. A retransmitted segment is not counted again; one out of order is scanned by
 * itself. */
export class NeedleScan {
  /** How often each needle was seen. */
  readonly counts = new Map<string, number>();
  readonly #needles = new Map<string, Buffer>();
  readonly #tails = new Map<string, FlowTail>();
  #tailLength = 0;

  /** Adds strings to look for; empty ones are ignored. */
  add(needles: readonly string[]): void {
    for (const needle of needles) {
      if (needle === '' || this.#needles.has(needle)) continue;
      const bytes = Buffer.from(needle);
      this.#needles.set(needle, bytes);
      this.counts.set(needle, 0);
      this.#tailLength = Math.max(this.#tailLength, bytes.length - 1);
    }
  }

  scan(segment: Segment): void {
    const { payload } = segment;
    if (this.#needles.size === 0 || payload.length === 0) return;
    if (segment.protocol === 'udp') {
      this.#count(undefined, payload);
      return;
    }
    const tail = this.#tails.get(segment.flow);
    const end = (segment.sequence + payload.length) >>> 0;
    // Sequence numbers wrap, so differences are read as signed (RFC 9293 section 3.4).
    if (tail !== undefined && ((end - tail.nextSequence) | 0) <= 0) return;
    const follows = tail?.nextSequence === segment.sequence ? tail.bytes : undefined;
    this.#count(follows, payload);
    const kept = Buffer.concat([
      follows ?? Buffer.alloc(0),
      payload.subarray(-this.#tailLength - 1),
    ]);
    const bytes = this.#tailLength === 0 ? Buffer.alloc(0) : kept.subarray(-this.#tailLength);
    this.#remember(segment.flow, { nextSequence: end, bytes: Buffer.from(bytes) });
  }

  #count(before: Buffer | undefined, payload: Buffer): void {
    for (const [needle, bytes] of this.#needles) {
      let found = occurrences(payload, bytes);
      const reach = bytes.length - 1;
      if (before !== undefined && reach > 0) {
        // Too short on either side to hold the needle whole, so what is found spans the border.
        const border = Buffer.concat([before.subarray(-reach), payload.subarray(0, reach)]);
        found += occurrences(border, bytes);
      }
      if (found > 0) this.counts.set(needle, (this.counts.get(needle) ?? 0) + found);
    }
  }

  #remember(flow: string, tail: FlowTail): void {
    this.#tails.delete(flow);
    this.#tails.set(flow, tail);
    if (this.#tails.size <= maxFlows) return;
    for (const oldest of this.#tails.keys()) {
      this.#tails.delete(oldest);
      return;
    }
  }
}

function occurrences(bytes: Buffer, needle: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + needle.length)) {
    count++;
  }
  return count;
}
