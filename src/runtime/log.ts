// Structured logging: one JSON object per line on standard output. Levels can be changed while the
// process runs, for everything or for one part.

import { type Logger as PinoLogger, pino } from 'pino';

/** The levels that can be set, from quiet to loud. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What components log through. Fields come first, as pino has it; every message is a sentence part
 * in lower case, and every failure carries its `code`. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  /** A logger with more fields on every line. Meant for parts that live as long as the process. */
  child(fields: object): Logger;
}

/** The root logger of a process, whose levels can be changed. */
export interface LevelledLogger extends Logger {
  /** The level of everything, then of the parts that differ, as `NAME=LEVEL`. */
  readonly levels: readonly string[];
  /** Sets the level of everything, or of the parts whose `target` is the name. Answers false when no
   * part has the name. */
  setLevel(level: LogLevel, target?: string): boolean;
}

/** Makes the root logger of a process. `scope` names the process; a part with a `target` has that as its
 * scope instead, as the access log of Istio's proxies has `access` (protocol section 7.3). */
export function createLogger(scope: string, level: LogLevel): LevelledLogger {
  const bare = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  );
  const root = bare.child({ scope });
  const parts = new Map<string, PinoLogger[]>();
  return {
    error: (fields, message) => root.error(fields, message),
    warn: (fields, message) => root.warn(fields, message),
    info: (fields, message) => root.info(fields, message),
    debug: (fields, message) => root.debug(fields, message),
    child(fields) {
      const { target: name = '', ...others }: { target?: string } = fields;
      const part =
        name === ''
          ? root.child(others)
          : bare.child({ scope: name, ...others }, { level: root.level });
      parts.set(name, [...(parts.get(name) ?? []), part]);
      return part;
    },
    get levels() {
      const others = [...parts]
        .filter(([, [part]]) => part !== undefined && part.level !== root.level)
        .map(([name, [part]]) => `${name}=${part?.level}`);
      return [root.level, ...others];
    },
    setLevel(wanted, target) {
      if (target !== undefined) {
        const named = parts.get(target);
        for (const part of named ?? []) part.level = wanted;
        return named !== undefined;
      }
      root.level = wanted;
      for (const part of [...parts.values()].flat()) part.level = wanted;
      return true;
    },
  };
}

/** Takes lines that have their form already, for standard output. */
export function lineWriter(): (line: string) => void {
  const output = pino.destination({ dest: 1, sync: true });
  return (line) => void output.write(`${line}\n`);
}

/** A logger that drops everything, for parts that are used without a process around them. */
export const silentLogger: Logger = pino({ level: 'silent' });
