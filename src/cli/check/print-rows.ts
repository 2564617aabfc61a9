// How findings are printed.

import type { CommandContext } from '../command.ts';
import { paint } from '../output.ts';
import { type CheckRow, isAtLeast } from './row.ts';

const signs = { ok: '✔', info: 'ℹ', warning: '!', error: '✘' } as const;
const colours = { ok: 'green', info: 'dim', warning: 'yellow', error: 'red' } as const;

/** One line for each finding, the bad ones with their code. */
export function linesOf(rows: readonly CheckRow[], context: CommandContext): string[] {
  return rows.map(({ level, code, object, message }) => {
    const sign = paint(signs[level], colours[level], context);
    return `${sign} ${object}: ${message}${code === undefined ? '' : ` (${code})`}`;
  });
}

/** The last line: whether it is well, and where the remedies are. */
export function summaryOf(rows: readonly CheckRow[]): string {
  const count = (level: CheckRow['level']): number =>
    rows.filter((row) => row.level === level).length;
  if (!rows.some((row) => isAtLeast(row, 'warning'))) {
    return 'No issues found when checking the cluster. Ambit is safe to install or upgrade!';
  }
  return `${count('error')} errors, ${count('warning')} warnings; ambit explain CODE tells what to do`;
}
