// What a process still waits for before it is ready, by name.

/** Ready when nothing blocks. A blocker may come back, such as a lost connection. */
export class Readiness {
  readonly #blockers = new Set<string>();

  block(name: string): void {
    this.#blockers.add(name);
  }

  unblock(name: string): void {
    this.#blockers.delete(name);
  }

  get pending(): readonly string[] {
    return [...this.#blockers].toSorted();
  }

  get isReady(): boolean {
    return this.#blockers.size === 0;
  }
}
