// Durations as Istio's resources write them.

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds of a duration like `1h30m`, `2s`, `1.5s` or `500ms`; undefined when the text is none
 * or is no whole number of milliseconds (features section 7.2). */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|h|m|s))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)) {
    total += Number(digits) * (units[unit ?? ''] ?? 0);
  }
  const rounded = Math.round(total);
  return Math.abs(total - rounded) < 1e-6 ? rounded : undefined;
}
