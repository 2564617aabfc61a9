// Counts the messages of gRPC calls as they pass: each is preceded by one byte of flags and four of length
// (the gRPC over HTTP/2 specification, "Length-Prefixed-Message").

import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Body, BodySink, Exchange } from './exchange.ts';
import { headerIn } from './hop-headers.ts';

/** How many messages passed so far. */
export interface MessageCounts {
  readonly sent: number;
  readonly received: number;
}

/** Whether a message's content type is that of gRPC; gRPC-Web is another protocol. */
export function isGrpc(headers: HeaderList): boolean {
  return /^application\/grpc(?:$|[+;])/.test(headerIn(headers, 'content-type') ?? '');
}

/** Finds the messages in a stream of bytes that comes in any pieces. */
export class MessageCounter {
  /** Complete prefixes seen. */
  count = 0;
  readonly #prefix = Buffer.alloc(5);
  #prefixBytes = 0;
  #messageBytes = 0;

  /** Takes the next bytes. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const skipped = Math.min(this.#messageBytes, bytes.length - at);
      this.#messageBytes -= skipped;
      at += skipped;
      while (this.#messageBytes === 0 && at < bytes.length) {
        this.#prefix[this.#prefixBytes++] = bytes[at++] ?? 0;
        if (this.#prefixBytes < this.#prefix.length) continue;
        this.#prefixBytes = 0;
        this.#messageBytes = this.#prefix.readUInt32BE(1);
        this.count++;
      }
    }
  }
}

/** The exchange with its messages counted where it is a gRPC call; otherwise the same. */
export function countMessages(exchange: Exchange): {
  readonly exchange: Exchange;
  readonly messages?: MessageCounts;
} {
  if (!isGrpc(exchange.head.headers)) return { exchange };
  const sent = new MessageCounter();
  const received = new MessageCounter();
  return {
    messages: {
      get sent() {
        return sent.count;
      },
      get received() {
        return received.count;
      },
    },
    exchange: {
      head: exchange.head,
      ...(exchange.problem === undefined ? {} : { problem: exchange.problem }),
      signal: exchange.signal,
      body: countedBody(exchange.body, sent),
      inform: (head) => exchange.inform(head),
      respond: (head, options) => {
        const sink = exchange.respond(head, options);
        return isGrpc(head.headers) ? countedSink(sink, received) : sink;
      },
      upgrade: (head) => exchange.upgrade(head),
      abort: (reason) => exchange.abort(reason),
    },
  };
}

function countedBody(body: Body, counter: MessageCounter): Body {
  return {
    length: body.length,
    trailers: () => body.trailers(),
    read: async () => {
      const bytes = await body.read();
      if (bytes !== undefined) counter.push(bytes);
      return bytes;
    },
  };
}

function countedSink(sink: BodySink, counter: MessageCounter): BodySink {
  return {
    write: async (bytes) => {
      await sink.write(bytes);
      counter.push(bytes);
    },
    end: (trailers) => sink.end(trailers),
  };
}
