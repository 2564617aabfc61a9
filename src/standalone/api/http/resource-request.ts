// A request for objects of a kind, and the reading of its body.

import type { Admission } from '../admission/admit.ts';
import type { Kind } from '../kinds/kind.ts';
import { reportFields } from '../writes/check-object.ts';
import type { Core, Write } from '../writes/core.ts';
import type { Exchange } from './exchange.ts';
import { type ParsedBody, readBody } from './read-body.ts';
import type { ResourcePath } from './resource-path.ts';
import { writeOf } from './write-options.ts';

/** A request for objects of a kind. */
export interface ResourceRequest {
  readonly core: Core;
  readonly exchange: Exchange;
  readonly kind: Kind;
  readonly path: ResourcePath;
  /** Through which webhooks are asked. */
  readonly admission: Admission;
  /** Ends watches when the server closes. */
  readonly ending: AbortSignal;
}

/** Reads the body of a write and reports fields that it repeats. */
export async function readWrite(
  request: ResourceRequest,
): Promise<{ write: Write; body: ParsedBody | undefined }> {
  const { core, exchange, kind, path } = request;
  const write = writeOf(exchange, kind, path.version, path.namespace, path.subresource);
  const body = await readBody(core, exchange);
  reportFields(
    write,
    (body?.repeated ?? []).map((field) => `duplicate field "${field}"`),
  );
  return { write, body };
}
