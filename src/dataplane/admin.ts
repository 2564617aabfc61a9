// Admin routes that every proxy has.

import { type AdminRoute, only } from '../runtime/admin-server.ts';
import { type LevelledLogger, type LogLevel, logLevels } from '../runtime/log.ts';
import type { DecisionLog } from './decisions.ts';

const maxAnswer = 10_000;

/** `GET /decisions?id=&source=&destination=&limit=`: matching records, newest first. */
export function decisionsRoute(decisions: DecisionLog): AdminRoute {
  return only(['GET', 'HEAD'], ({ query }) => {
    const limit = Number(query.get('limit') ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > maxAnswer) {
      return { status: 400, body: `limit must be a whole number from 1 to ${maxAnswer}\n` };
    }
    const [id, source, destination] = ['id', 'source', 'destination'].map((name) =>
      query.get(name),
    );
    const records = decisions.find({
      limit,
      ...(id && { id }),
      ...(source && { source }),
      ...(destination && { destination }),
    });
    return { status: 200, body: JSON.stringify({ records }), contentType: 'application/json' };
  });
}

/** `POST /logging` tells the levels. `?level=L` sets that of everything, `?level=NAME=L,...` (or NAME:L,
 * as istioctl users write) that of parts, `?reset` goes back to what the process started with first
 * (protocol section 7.5). The part that a stock ztunnel calls `ztunnel::NAME` is NAME here. */
export function loggingRoute(log: LevelledLogger): AdminRoute {
  const atStart = wordOf(log.levels[0] ?? '') ?? 'info';
  return only(['POST'], ({ query }) => {
    if (query.has('reset')) log.setLevel(atStart);
    for (const item of (query.get('level') ?? '').split(',').filter((text) => text !== '')) {
      const problem = setLevel(log, item.trim());
      if (problem !== undefined) return { status: 400, body: `${problem}\n` };
    }
    return { status: 200, body: `current log level is ${log.levels.join(',')}\n` };
  });
}

/** Answers what is wrong with the item, if anything. */
function setLevel(log: LevelledLogger, item: string): string | undefined {
  const [first = '', second] = item.replace(/^ztunnel::/, '').split(/[=:]/);
  const level = wordOf(second ?? first);
  if (level === undefined) return `level must be one of ${logLevels.join(', ')}, or NAME=LEVEL`;
  const known = log.setLevel(level, second === undefined ? undefined : first);
  return known ? undefined : `nothing logs under the name ${first}`;
}

/** What istioctl and others call levels that go by another name here. */
const synonyms: ReadonlyMap<string, LogLevel> = new Map([
  ['off', 'silent'],
  ['none', 'silent'],
  ['critical', 'error'],
  ['warning', 'warn'],
]);

function wordOf(text: string): LogLevel | undefined {
  const word = text.toLowerCase();
  return synonyms.get(word) ?? logLevels.find((level) => level === word);
}

/** `POST /quitquitquit`: an orderly end. */
export function quitRoute(quit: () => void): AdminRoute {
  return only(['POST'], () => {
    quit();
    return { status: 200, body: 'shutting down\n' };
  });
}
