// How commands print: documents, tables, colours on terminals alone, and progress of what takes time.

import { stringify } from 'yaml';
import type { CommandContext } from './command.ts';

/** A value as a document of its own. */
export function documentOf(value: unknown, form: 'json' | 'yaml'): string {
  return form === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}

const colours = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

/** Colours a text where its reader is a terminal that wants it (https://no-color.org). */
export function paint(
  text: string,
  colour: keyof typeof colours,
  { env, terminal }: Pick<CommandContext, 'env' | 'terminal'>,
): string {
  const wanted = terminal.stdout && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  return wanted ? `\u{1b}[${colours[colour]}m${text}\u{1b}[0m` : text;
}

/** After how long a step is worth a word, in milliseconds. */
const worthTelling = 1_000;

/** Runs a step, and tells on stderr that it is under way once it takes longer than a second. */
export async function withProgress<T>(
  what: string,
  context: CommandContext,
  step: () => Promise<T>,
): Promise<T> {
  const live = context.terminal.stderr;
  let told = false;
  const timer = setTimeout(() => {
    told = true;
    context.stderr(live ? `${what} ...` : `${what} ...\n`);
  }, worthTelling);
  try {
    return await step();
  } finally {
    clearTimeout(timer);
    // On a terminal the line makes room for what comes of the step.
    if (told && live) context.stderr('\r\u{1b}[K');
  }
}
