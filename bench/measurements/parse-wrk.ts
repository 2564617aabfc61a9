// Reading what wrk prints. Pure.

/** The figures of one run of wrk. */
export interface WrkFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** The lines of errors as they stand. */
  readonly complaints: readonly string[];
}

const milliseconds: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Undefined when the output has no rate or no latencies (`wrk --latency`). */
export function parseWrk(output: string): WrkFigures | undefined {
  const perSecond = /^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1];
  const p50Ms = latencyAt(output, '50%');
  const p99Ms = latencyAt(output, '99%');
  if (perSecond === undefined || p50Ms === undefined || p99Ms === undefined) return undefined;
  const socket = /^\s*Socket errors:.*$/m.exec(output)?.[0];
  const status = /^\s*Non-2xx or 3xx responses:.*$/m.exec(output)?.[0];
  const complaints = [socket, status].flatMap((line) => line?.trim() ?? []);
  const errors = complaints
    .flatMap((line) => [...line.replaceAll('2xx or 3xx', '').matchAll(/\d+/g)])
    .reduce((sum, [figure]) => sum + Number(figure), 0);
  return { perSecond: Number(perSecond), p50Ms, p99Ms, errors, complaints };
}

function latencyAt(output: string, share: string): number | undefined {
  const found = new RegExp(`^\\s+${share}\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(output);
  const unit = milliseconds[found?.[2] ?? ''];
  return found === null || unit === undefined ? undefined : Number(found[1]) * unit;
}
