// Events are kept for an hour and up to a number, as they come; otherwise they would only ever grow.

import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';

const kept = { milliseconds: 3_600_000, events: 2_000 };
/** New events between two looks at the old ones. */
const newBetweenLooks = 50;

/** Removes old events whenever new ones have come. */
export function expireEvents(core: Core): Disposable {
  let fresh = 0;
  let scheduled: NodeJS.Immediate | undefined;
  const look = (): void => {
    scheduled = undefined;
    const events = core.table.list('events').toSorted((a, b) => versionOf(a) - versionOf(b));
    const oldest = core.clock.now() - kept.milliseconds;
    const surplus = events.length - kept.events;
    for (const [index, event] of events.entries()) {
      if (index >= surplus && timeOf(event) >= oldest) continue;
      core.table.remove('events', event);
    }
  };
  const following = core.table.history.follow('events', ({ type }) => {
    if (type !== 'ADDED' || ++fresh % newBetweenLooks !== 0) return;
    scheduled ??= setImmediate(look);
  });
  return {
    [Symbol.dispose]: () => {
      following[Symbol.dispose]();
      clearImmediate(scheduled);
    },
  };
}

function versionOf(event: ApiObject): number {
  return Number(event.metadata.resourceVersion ?? 0);
}

/** When the event was last seen: a counted one is written anew each time. */
function timeOf(event: ApiObject): number {
  const last = event['lastTimestamp'];
  const text = typeof last === 'string' ? last : event.metadata.creationTimestamp;
  return Date.parse(text ?? '') || 0;
}
