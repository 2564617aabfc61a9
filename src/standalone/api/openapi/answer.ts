// The OpenAPI documents.

import { noSuchPath } from '../api-error.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Core } from '../writes/core.ts';

/** Answers a request below /openapi. Throws NotFound. */
export function answerOpenApi(_core: Core, _exchange: Exchange): void {
  throw noSuchPath();
}
