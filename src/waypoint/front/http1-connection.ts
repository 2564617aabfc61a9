// One client's connection as HTTP/1.1: what is under way on it, how long a head may take, and the one
// refusal that ends it.

import type { Duplex } from 'node:stream';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { headTimeoutMs } from '../limits.ts';
import type { Exchange, HeadProblem } from '../request/exchange.ts';
import type { Http1Exchange } from './http1-exchange.ts';
import { refusalFor, refusalText } from './http1-refusals.ts';

/** What becomes of one connection's requests. */
export interface Http1Connection {
  /** Must answer or abort each exchange. */
  readonly serve: (exchange: Exchange) => void;
  /** Takes note of bytes that are no request; answers the value of `ambit-decision`. */
  readonly malformed: (problem: HeadProblem) => string;
  /** Whom HTTP/1.0 requests without a `Host` are for. */
  readonly authority: string;
}

/** A connection while its requests are served. */
export class ServedConnection {
  readonly #duplex: Duplex;
  readonly #owner: Http1Connection;
  readonly #clock: Clock;
  /** The request read last. */
  #latest: Http1Exchange | undefined;
  /** Requests that wait for the response to the one before: they may depend on it (RFC 9112 section 9.3.2). */
  readonly #waiting: Exchange[] = [];
  #isBusy = false;
  #onQuiet: (() => void) | undefined;
  /** Something could not be understood, or only in doubt: what follows it is no request. */
  #isOver = false;
  /** Set while the time of an incomplete head runs. */
  #slow: AbortController | undefined;
  #isLineComplete = false;
  #isHeadOpen = false;
  #mayBeginHead = true;

  constructor(duplex: Duplex, owner: Http1Connection, clock: Clock) {
    this.#duplex = duplex;
    this.#owner = owner;
    this.#clock = clock;
  }

  get authority(): string {
    return this.#owner.authority;
  }

  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Watches what comes, before the codec does and after it. */
  watch(attach: () => void): void {
    this.#duplex.on('data', this.#before);
    attach();
    this.#duplex.on('data', this.#after);
    this.#duplex.on('close', () => this.#slow?.abort());
  }

  /** The connection carries another protocol from here on. */
  unwatch(): void {
    this.#headIsComplete();
    this.#duplex.off('data', this.#before);
    this.#duplex.off('data', this.#after);
  }

  /** A request has been read; `ended` is to be called after its response. */
  begin(exchange: Http1Exchange): { ended(): void } {
    this.#headIsComplete();
    this.#mayBeginHead = false;
    if (this.#isOver) return { ended: () => undefined };
    this.#isOver = exchange.problem !== undefined;
    this.#latest = exchange;
    if (this.#isBusy) {
      this.#waiting.push(exchange);
      // Those that wait are no more than what was read at once.
      this.#duplex.pause();
    } else {
      this.#isBusy = true;
      this.#owner.serve(exchange);
    }
    return { ended: () => this.#serveNext() };
  }

  #serveNext(): void {
    const next = this.#duplex.destroyed ? undefined : this.#waiting.shift();
    this.#isBusy = next !== undefined;
    if (this.#waiting.length === 0) this.#duplex.resume();
    if (next !== undefined) this.#owner.serve(next);
    else {
      if (this.#isHeadOpen && !this.#isOver) this.#limitHead();
      this.#onQuiet?.();
    }
  }

  /** Serves the last request of a connection that its codec has let go of. */
  serveLast(exchange: Exchange): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const serve = (): void => this.#owner.serve(exchange);
    // Its answer comes after those that are due before it.
    if (this.isIdle) serve();
    else this.#onQuiet = serve;
  }

  /** Answers what the codec could not read; a broken connection is only closed. */
  refuse(error: NodeJS.ErrnoException): void {
    // What comes after a request that was to be the last has no answer.
    if (error.code === 'HPE_CLOSED_CONNECTION') return;
    const arriving = this.#latest?.isArriving === true ? this.#latest : undefined;
    const place = { isInLine: !this.#isLineComplete, isInBody: arriving !== undefined };
    const problem = refusalFor(error, place);
    const isCut = error.code === 'HPE_INVALID_EOF_STATE' && arriving !== undefined;
    if (problem === undefined || isCut || !this.#duplex.writable) this.#duplex.destroy();
    else if (arriving === undefined) this.#refuseAs(problem);
    else {
      this.#isOver = true;
      arriving.fail(new AmbitError(problem.code, problem.reason));
    }
  }

  /** Ends the connection with a refusal, after the responses that are due before it. */
  #refuseAs(problem: HeadProblem): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#slow?.abort();
    const decision = this.#owner.malformed(problem);
    const answer = (): void => {
      if (this.#duplex.writable) this.#duplex.end(refusalText(problem.status, decision));
    };
    if (this.isIdle) answer();
    else this.#onQuiet = answer;
  }

  readonly #before = (): void => {
    this.#mayBeginHead = this.#latest?.isArriving !== true;
  };

  readonly #after = (bytes: Buffer): void => {
    if (!this.#mayBeginHead || this.#isOver) return;
    this.#isLineComplete ||= bytes.includes('\n');
    this.#isHeadOpen = true;
    if (!this.#isBusy) this.#limitHead();
  };

  /** Only while nothing else is served: until then the client may be held back by us. */
  #limitHead(): void {
    if (this.#slow !== undefined) return;
    this.#slow = new AbortController();
    this.#clock.wait(headTimeoutMs, this.#slow.signal).then(
      () => {
        const reason = `the head was not complete within ${headTimeoutMs / 1000} s`;
        this.#refuseAs({ status: 408, code: 'AMB1746', reason });
      },
      // The head came.
      () => undefined,
    );
  }

  #headIsComplete(): void {
    this.#slow?.abort();
    this.#slow = undefined;
    this.#isLineComplete = false;
    this.#isHeadOpen = false;
  }
}
