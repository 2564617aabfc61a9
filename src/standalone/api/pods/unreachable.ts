// The refusal of whatever leads into a pod that cannot be reached.

import { StatusError } from '../api-error.ts';

/** Coded as unreachable, unless it already says what to answer. */
export function unreachable(error: unknown, what: string): StatusError {
  if (error instanceof StatusError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new StatusError('AMB1209', {
    http: 503,
    reason: 'ServiceUnavailable',
    message: `${what}: ${why}`,
    cause: error,
  });
}
