// Structured logging: one JSON object per line on standard output.

import { pino } from 'pino';

/** The levels that can be set, from quiet to loud. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What components log through. Fields come first, as pino has it; every message is a sentence part
 * in lower case, and every failure carries its `code`. */
export interface Logger {
  level: string;
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  child(fields: object): Logger;
}

/** Makes the root logger of a process. `scope` names the process, as Istio's logs do. */
export function createLogger(scope: string, level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { scope },
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}

/** A logger that drops everything, for parts that are used without a process around them. */
export const silentLogger: Logger = pino({ level: 'silent' });
