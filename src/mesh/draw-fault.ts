// Whether a fault befalls one request. Delay and abort are drawn independently, with a granularity of
// one in a million (features section 1.1.7).

import type { Percent } from './destination.ts';
import type { Fault } from './route.ts';

/** What befalls a request; the delay comes first. */
export interface DrawnFault {
  readonly delayMs?: number;
  readonly abort?: { readonly httpStatus: number; readonly grpcStatus?: number };
}

/** Draws with two independent numbers in [0, 1). */
export function drawFault(fault: Fault, forDelay: number, forAbort: number): DrawnFault {
  const { delay, abort } = fault;
  return {
    ...(delay !== undefined && befalls(delay.percent, forDelay)
      ? { delayMs: delay.fixedDelayMs }
      : {}),
    ...(abort !== undefined && befalls(abort.percent, forAbort)
      ? {
          abort: {
            httpStatus: abort.httpStatus,
            ...(abort.grpcStatus === undefined ? {} : { grpcStatus: abort.grpcStatus }),
          },
        }
      : {}),
  };
}

/** Whether something that befalls a share of requests befalls the one that drew a number in [0, 1). */
export function befalls(percent: Percent, random: number): boolean {
  return Math.floor(random * 1_000_000) < Math.round(percent * 10_000);
}
