// A request body that can be sent again: what was read of it is kept, up to a limit, so that another
// attempt can start over.

import type { HeaderList } from '../../mesh/header-operations.ts';
import type { Body } from './exchange.ts';

/** Bodies longer than this are not sent again once they were begun. */
export const maxReplayBytes = 64 * 1024;

export class ReplayBody {
  readonly #source: Body;
  readonly #kept: Uint8Array[] = [];
  readonly #complete = Promise.withResolvers<void>();
  #keptBytes = 0;
  #isKept: boolean;
  #pending: Promise<void> | undefined;
  #ended = false;
  #failure: unknown;
  readonly #broken = new AbortController();
  #started = false;
  #bytes = 0;
  #attempts = 0;

  /** `keep` when another attempt is possible at all. */
  constructor(source: Body, keep: boolean) {
    this.#source = source;
    this.#isKept = keep;
    if (source.length === 0) this.#complete.resolve();
  }

  /** Resolves once the whole body has been read; never rejects. */
  get complete(): Promise<void> {
    return this.#complete.promise;
  }

  /** Fires with the error when the client's body can not be read on. */
  get broken(): AbortSignal {
    return this.#broken.signal;
  }

  /** Bytes read from the client. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether another attempt can send the whole body. */
  get canReplay(): boolean {
    return this.#source.length === 0 || !this.#started || this.#isKept;
  }

  /** The body for the next attempt; those of earlier ones reject from then on. */
  forAttempt(): Body {
    let index = 0;
    const attempt = ++this.#attempts;
    return {
      length: this.#source.length,
      trailers: (): HeaderList => this.#source.trailers(),
      read: async () => {
        this.#started = true;
        for (;;) {
          if (attempt !== this.#attempts) throw new Error('another attempt took over');
          const kept = this.#isKept ? this.#kept[index] : this.#kept.shift();
          if (kept !== undefined) {
            index++;
            return kept;
          }
          if (this.#failure !== undefined) throw this.#failure;
          if (this.#ended) return undefined;
          this.#pending ??= this.#readMore();
          await this.#pending;
        }
      },
    };
  }

  async #readMore(): Promise<void> {
    try {
      const bytes = await this.#source.read();
      if (bytes === undefined) {
        this.#ended = true;
        this.#complete.resolve();
        return;
      }
      this.#kept.push(bytes);
      this.#bytes += bytes.length;
      this.#keptBytes += bytes.length;
      if (this.#isKept && this.#keptBytes > maxReplayBytes) {
        this.#isKept = false;
        // Those before this one were handed out already.
        this.#kept.splice(0, this.#kept.length - 1);
      }
    } catch (error) {
      this.#failure = error;
      this.#broken.abort(error);
    } finally {
      this.#pending = undefined;
    }
  }
}
