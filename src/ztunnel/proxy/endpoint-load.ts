// How many connections this proxy has open to each endpoint, which is what it chooses by.

/** Counts by workload uid. Holds no more entries than there are connections. */
export class EndpointLoad {
  readonly #open = new Map<string, number>();

  /** Connections open to a workload, or being opened. */
  readonly of = (uid: string): number => this.#open.get(uid) ?? 0;

  /** Counts one connection until it is disposed. */
  hold(uid: string): Disposable {
    this.#open.set(uid, this.of(uid) + 1);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const left = this.of(uid) - 1;
        if (left > 0) this.#open.set(uid, left);
        else this.#open.delete(uid);
      },
    };
  }
}
