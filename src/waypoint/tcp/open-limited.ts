// A stream to an endpoint within what its destination allows, for connections without HTTP: one counts as
// long as it is open, none waits for room, and what becomes of connecting tells of the endpoint.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { PoolOverflow } from '../destinations/destination-load.ts';
import type { FoundUpstream } from '../request/find-upstream.ts';
import { observe } from '../request/observe-endpoint.ts';
import type { PipelineParts } from '../request/parts.ts';
import { codeOfOpening } from '../upstream/begin-connection.ts';
import type { UpstreamCaller } from '../upstream/open-upstream.ts';

/** Opens a stream. @throws PoolOverflow; AmbitError; the signal's reason */
export async function openLimited(
  found: Extract<FoundUpstream, { kind: 'endpoint' }>,
  caller: UpstreamCaller,
  { open }: Pick<PipelineParts, 'open'>,
  signal: AbortSignal,
): Promise<ByteStream> {
  const slot = found.destination?.load.takeSlot();
  try {
    const stream = await open(found.endpoint, caller, signal);
    void stream.closed.then(() => slot?.release());
    observe(found, { kind: 'connected' });
    return stream;
  } catch (error) {
    slot?.release();
    if (!signal.aborted) observe(found, { kind: 'local failure', status: 503 });
    throw error;
  }
}

/** The code and Envoy's short flag of a stream that was not opened. */
export function failedOpening(error: unknown): { readonly code: Code; readonly flag: 'UO' | 'UF' } {
  return error instanceof PoolOverflow
    ? { code: 'AMB1720', flag: 'UO' }
    : { code: codeOfOpening(error), flag: 'UF' };
}
