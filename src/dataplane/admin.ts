// Admin routes that every proxy has.

import type { AdminRoute } from '../runtime/admin-server.ts';
import { type Logger, logLevels } from '../runtime/log.ts';
import type { DecisionLog } from './decisions.ts';

const maxAnswer = 10_000;

/** `GET /decisions?id=&source=&destination=&limit=`: matching records, newest first. */
export function decisionsRoute(decisions: DecisionLog): AdminRoute {
  return ({ query }) => {
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
  };
}

/** `POST /logging` tells the log level, `POST /logging?level=L` sets it. */
export function loggingRoute(log: Logger): AdminRoute {
  return ({ method, query }) => {
    if (method !== 'POST') return { status: 405, body: 'use POST\n' };
    const wanted = query.get('level');
    if (wanted !== null) {
      const level = logLevels.find((one) => one === wanted);
      if (level === undefined) {
        return { status: 400, body: `level must be one of ${logLevels.join(', ')}\n` };
      }
      log.level = level;
    }
    return { status: 200, body: `current log level is ${log.level}\n` };
  };
}
