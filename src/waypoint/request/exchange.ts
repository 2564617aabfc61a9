// The narrow interface between codecs and the request pipeline: head, body with backpressure,
// trailers, abort with a reason. Nothing above it sees a codec's own classes.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { HeaderList } from '../../mesh/header-operations.ts';
import { AmbitError } from '../../runtime/errors.ts';

/** Why a request can not be served, found by its codec, and the status that says so. */
export interface HeadProblem {
  readonly status: number;
  readonly code: Code;
  readonly reason: string;
}

/** What a request asks for. Hop-by-hop fields, `Host` and pseudo-headers are not among the headers. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as sent, in origin form. */
  readonly target: string;
  readonly authority: string;
  readonly scheme: string;
  readonly headers: HeaderList;
  readonly version: '1.0' | '1.1' | '2';
  /** The protocol that the client asks to change to, in lower case: `websocket`. There is no body. */
  readonly upgrade?: string;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderList;
}

/** A body as it arrives. */
export interface Body {
  /** Its length in bytes where it is known before; 0 means that there is none. */
  readonly length: number | undefined;
  /** The next bytes, or undefined at the end. Rejects when the sender gave up or the body was
   * aborted. One call at a time; unread bytes hold back the sender. */
  read(): Promise<Uint8Array | undefined>;
  /** The trailers; complete once `read` answered undefined. */
  trailers(): HeaderList;
}

/** A body as it leaves. */
export interface BodySink {
  /** Resolves when more may be written; rejects when the receiver is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the body properly. */
  end(trailers?: HeaderList): Promise<void>;
}

/** One request that arrived and the response it waits for. */
export interface Exchange {
  readonly head: RequestHead;
  /** The request must be refused with this. */
  readonly problem?: HeadProblem;
  /** Its `read` rejects with an `AmbitError` when the rest of the body can not be understood. */
  readonly body: Body;
  /** Fires when the client gives up before the response is complete. */
  readonly signal: AbortSignal;
  /** Sends an informational response (1xx but 100, which codecs send, and 101), if the client's protocol
   * has them. */
  inform(head: ResponseHead): void;
  /** Sends the head of the response. `bodyless` when no body follows, which is so for HEAD, 204 and
   * 304 in any case. Called once. */
  respond(head: ResponseHead, options?: { readonly bodyless?: boolean }): BodySink;
  /** Answers 101; the connection then carries the other protocol. Only where `head.upgrade` is. */
  upgrade(head: ResponseHead): ByteStream;
  /** Breaks the exchange off, so that the client sees that the response is not complete. */
  abort(reason: Error): void;
}

/** What an upstream answered. */
export type UpstreamAnswer =
  | { readonly kind: 'response'; readonly head: ResponseHead; readonly body: Body }
  | { readonly kind: 'upgraded'; readonly head: ResponseHead; readonly stream: ByteStream };

/** One connection to an endpoint that carries requests. */
export interface UpstreamConnection {
  /** Sends a request. Rejects with `UpstreamFailure` when no response comes. Aborting the signal ends
   * the request at any time, its response body too. */
  send(
    head: RequestHead,
    body: Body,
    options: { readonly signal: AbortSignal; readonly inform: (head: ResponseHead) => void },
  ): Promise<UpstreamAnswer>;
}

/** Why no response came. `overflow`: there was no room for it, and nobody was asked. `connect`: nothing was sent. `refused`: the endpoint said that it processed
 * nothing. `reset`: the request may have been processed. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly stage: 'overflow' | 'connect' | 'refused' | 'reset';

  constructor(stage: UpstreamFailure['stage'], cause: unknown) {
    super(`upstream ${stage} failure`, { cause });
    this.stage = stage;
  }
}

/** The body of a message that has none. */
export const noBody: Body = {
  length: 0,
  read: () => Promise.resolve(undefined),
  trailers: () => [],
};

/** The code of a request whose client has gone: why its tunnel was ended or its stream reset, if so. */
export function goneCode({ signal }: Exchange): Code {
  const reason: unknown = signal.reason;
  return reason instanceof AmbitError && ownEnds.has(reason.code) ? reason.code : 'AMB1713';
}

/** A certificate revoked, and requests that broke the rules of HTTP/2. */
const ownEnds = new Set<Code>(['AMB1521', 'AMB1752', 'AMB1753']);
