// Durations on the command line, as Go programs take them.

import { AmbitError } from '../runtime/errors.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const maxMs = 24 * 3_600_000;

/** Reads `90s`, `5m` or `1m30s` as milliseconds. @throws AmbitError AMB1801 naming the flag */
export function durationMs(flag: string, text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const ms = parts.reduce(
    (sum, [, value, unit = '']) => sum + Number(value) * (unitMs[unit] ?? 0),
    0,
  );
  const isWhole = parts.map(([part]) => part).join('') === text && parts.length > 0;
  if (isWhole && ms > 0 && ms <= maxMs) return ms;
  throw new AmbitError('AMB1801', `${flag} ${text} is no duration up to 24h, such as 90s or 5m`);
}
