// Prints the story: each step with the command that does it, each check with its figure.

/** One thing that was looked at, and what was seen. */
export interface Check {
  readonly what: string;
  readonly seen: string;
  readonly ok: boolean;
}

/** One step of the story. */
export interface Step {
  readonly title: string;
  /** The command with which a user does the same. */
  readonly command?: string;
  readonly checks: Check[];
  seconds: number;
}

/** Collects steps and prints them as they come, or all as JSON at the end. */
export class Report {
  readonly #json: boolean;
  readonly #color: boolean;
  readonly steps: Step[] = [];

  constructor(options: { readonly json: boolean; readonly color: boolean }) {
    this.#json = options.json;
    this.#color = options.color;
  }

  /** Runs one step; its checks are printed when they are made. A step that throws fails. */
  async step(
    title: string,
    command: string | undefined,
    body: (check: (what: string, seen: string, ok: boolean) => void) => Promise<void>,
  ): Promise<void> {
    const step: Step = {
      title,
      ...(command === undefined ? {} : { command }),
      checks: [],
      seconds: 0,
    };
    this.steps.push(step);
    this.#line(`\n${this.#paint('1', `${this.steps.length}. ${title}`)}`);
    for (const line of command?.split('\n') ?? []) this.#line(this.#paint('36', `   $ ${line}`));
    const start = performance.now();
    try {
      await body((what, seen, ok) => this.#check(step, { what, seen, ok }));
    } catch (error) {
      this.#check(step, { what: 'the step ran to its end', seen: String(error), ok: false });
      throw error;
    } finally {
      step.seconds = Math.round(performance.now() - start) / 1000;
    }
  }

  /** Whether there were checks and all held. */
  get ok(): boolean {
    const checks = this.steps.flatMap((step) => step.checks);
    return checks.length > 0 && checks.every((check) => check.ok);
  }

  /** A line of free text. */
  say(text: string): void {
    this.#line(text);
  }

  /** The end: counts, or everything as JSON. */
  finish(extra: Readonly<Record<string, unknown>>): void {
    const checks = this.steps.flatMap((step) => step.checks);
    const failed = checks.filter((check) => !check.ok).length;
    if (this.#json) {
      process.stdout.write(
        `${JSON.stringify({ ok: this.ok, ...extra, steps: this.steps }, null, 2)}\n`,
      );
      return;
    }
    const text = `${checks.length - failed} checks held, ${failed} failed`;
    this.#line(`\n${this.#paint(failed === 0 ? '1;32' : '1;31', text)}`);
  }

  #check(step: Step, check: Check): void {
    step.checks.push(check);
    const mark = check.ok ? this.#paint('32', '✔') : this.#paint('31', '✘');
    this.#line(`   ${mark} ${check.what}: ${this.#paint('1', check.seen)}`);
  }

  #line(text: string): void {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }

  #paint(code: string, text: string): string {
    return this.#color ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
