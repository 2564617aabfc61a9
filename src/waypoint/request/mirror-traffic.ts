// How many copies of requests are under way, and what became of them.

import type { Mirror } from '../../mesh/route.ts';

/** How one copy ended. `overflow`: too many were under way, so it was not sent. */
export type MirrorOutcome = 'answered' | 'failed' | 'overflow';

/** Most copies under way at a time in one waypoint. */
export const maxMirrorsUnderWay = 1_024;

/** Counts copies in and out. */
export class MirrorTraffic {
  readonly #counted: (outcome: MirrorOutcome, mirror: Mirror) => void;
  #underWay = 0;

  constructor(counted: (outcome: MirrorOutcome, mirror: Mirror) => void = () => {}) {
    this.#counted = counted;
  }

  /** Whether another may start; it must end with `leave`. */
  enter(): boolean {
    if (this.#underWay >= maxMirrorsUnderWay) return false;
    this.#underWay++;
    return true;
  }

  leave(): void {
    this.#underWay--;
  }

  count(outcome: MirrorOutcome, mirror: Mirror): void {
    this.#counted(outcome, mirror);
  }
}
