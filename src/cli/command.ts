// What a command of the command line is.

/** What a command may use of the process it runs in. */
export interface CommandContext {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Reads all of standard input; that of the process when absent. */
  readonly stdin?: () => Promise<string>;
  /** Whether what is printed is read on a terminal. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** One verb. `run` answers the exit code; coded errors may be thrown and are printed by main. */
export interface Command {
  readonly name: string;
  /** One line for `ambit help`. */
  readonly summary: string;
  /** The text of `ambit NAME --help`. */
  readonly usage: string;
  run(args: readonly string[], context: CommandContext): Promise<number>;
}
