// A profile of where the process spends its time, taken while it runs.

import { Session } from 'node:inspector/promises';
import { type AdminRoute, only } from './admin-server.ts';
import type { Clock } from './clock.ts';

const limits = { seconds: { min: 1, max: 300 }, frequency: { min: 1, max: 1_000 } } as const;

/** `GET /debug/pprof/profile?seconds=10&frequency=100`. The answer is V8's own format (.cpuprofile),
 * which browsers' developer tools and most flame graph viewers open; it carries the names of
 * JavaScript functions as V8 knows them. One profile at a time. */
export function profileRoute(clock: Clock): AdminRoute {
  let busy = false;
  return only(['GET', 'POST'], async ({ query }) => {
    const seconds = wholeNumber(query.get('seconds') ?? '10', limits.seconds);
    const frequency = wholeNumber(query.get('frequency') ?? '100', limits.frequency);
    if (seconds === undefined || frequency === undefined) {
      return { status: 400, body: 'seconds must be 1 to 300, frequency 1 to 1000\n' };
    }
    if (busy) return { status: 409, body: 'a profile is being taken already\n' };
    busy = true;
    try {
      const body = await takeProfile(clock, seconds * 1_000, 1e6 / frequency);
      const file = 'attachment; filename="profile.cpuprofile"';
      const contentType = 'application/json';
      return { status: 200, body, contentType, headers: { 'content-disposition': file } };
    } finally {
      busy = false;
    }
  });
}

async function takeProfile(clock: Clock, ms: number, intervalUs: number): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: intervalUs });
    await session.post('Profiler.start');
    await clock.wait(ms);
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
}

function wholeNumber(
  text: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const value = Number(text);
  return Number.isInteger(value) && value >= min && value <= max ? value : undefined;
}
