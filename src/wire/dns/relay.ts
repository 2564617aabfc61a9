// Passing a query on as it is, so that record types, flags and EDNS options need not be understood. Only
// the id changes, and an answer is believed only when it fits what was sent (RFC 5452, section 9.1).

import { headerBytes } from './message.ts';

/** A query on its way to another server. */
export interface RelayedQuery {
  /** What is sent. */
  readonly bytes: Buffer;
  /** The answer under the client's own id; undefined for a message that answers something else. */
  accept(message: Uint8Array): Buffer | undefined;
}

/** Prepares a valid query for another server. `id` must be hard to guess: 0 to 65,535. */
export function relayQuery(query: Uint8Array, questionBytes: Uint8Array, id: number): RelayedQuery {
  const bytes = Buffer.from(query);
  const clientId = bytes.readUInt16BE(0);
  bytes.writeUInt16BE(id, 0);
  const end = headerBytes + questionBytes.length;
  return {
    bytes,
    accept(message) {
      const answer = Buffer.from(message);
      if (answer.length < end || answer.readUInt16BE(0) !== id) return undefined;
      const isResponse = (answer.readUInt16BE(2) & 0x8000) !== 0;
      // The bytes as they were sent: a server repeats the letter case, a forger has to guess it.
      if (!isResponse || !answer.subarray(headerBytes, end).equals(questionBytes)) return undefined;
      answer.writeUInt16BE(clientId, 0);
      return answer;
    },
  };
}
