// Field ownership of writes other than apply: who changes a field owns it.

import type { ApiObject } from '../store.ts';
import type { Core, Write } from '../writes/core.ts';

/** Records in `object.metadata.managedFields` what this write changed. */
export function trackUpdate(
  _core: Core,
  _write: Write,
  _previous: ApiObject | undefined,
  _object: ApiObject,
): void {}
