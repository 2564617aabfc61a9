// A watch that tells when the list before it is in.

import { type KubeConfig, Watch } from '@kubernetes/client-node';

/** The library watches once what it listed is in its cache; there is no event for that. */
export class WatchAfterList extends Watch {
  readonly #end: AbortSignal;
  readonly #onListed: () => void;

  constructor(config: KubeConfig, end: AbortSignal, onListed: () => void) {
    super(config);
    this.#end = end;
    this.#onListed = onListed;
  }

  override async watch(...parameters: Parameters<Watch['watch']>): Promise<AbortController> {
    this.#onListed();
    const request = await super.watch(...parameters);
    // The informer cannot be stopped while it waits for this.
    if (this.#end.aborted) request.abort();
    return request;
  }
}
