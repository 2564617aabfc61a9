// How long the event loop kept everything else waiting: the longest time between two turns of a timer
// that is due every millisecond. On a machine that is busy otherwise much of that is waiting for a core, so the
// time that the thread itself was running between two turns is told too.

/** The longest time between two turns. */
export interface Stall {
  readonly longestMs: number;
  /** The same in CPU time of the thread. */
  readonly longestCpuMs: number;
  /** How many were above 20 ms. */
  readonly tooLong: number;
}

/** Measures from its making until `stop`. */
export class StallProbe {
  readonly #timer: NodeJS.Timeout;
  #last = performance.now();
  #lastCpu = cpuMs();
  #longest = { longestMs: 0, longestCpuMs: 0, tooLong: 0 };

  constructor() {
    this.#timer = setInterval(() => this.#look(), 1);
  }

  #look(): void {
    const [now, cpu] = [performance.now(), cpuMs()];
    const lateMs = now - this.#last - 1;
    const { longestMs, longestCpuMs, tooLong } = this.#longest;
    this.#longest = {
      longestMs: Math.max(longestMs, lateMs),
      longestCpuMs: Math.max(longestCpuMs, cpu - this.#lastCpu),
      tooLong: tooLong + (lateMs > 20 ? 1 : 0),
    };
    this.#last = now;
    this.#lastCpu = cpu;
  }

  /** What was found so far; starts anew. */
  take(): Stall {
    this.#look();
    const found = this.#longest;
    this.#longest = { longestMs: 0, longestCpuMs: 0, tooLong: 0 };
    return found;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
