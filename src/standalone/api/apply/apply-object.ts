// Server-side apply: the applied fields belong to the manager; what it no longer applies goes.

import { mergePatched } from '../patch/merge-patch.ts';
import type { ApiObject } from '../store.ts';
import { changeObject } from '../writes/change-object.ts';
import { type Core, findObject, type Write } from '../writes/core.ts';
import { createObject } from '../writes/create-object.ts';

/** Applies a configuration. */
export function applyObject(
  core: Core,
  write: Write,
  name: string,
  applied: ApiObject,
  _options: { readonly force: boolean },
): { object: ApiObject; created: boolean } {
  if (findObject(core, write, name) === undefined) {
    return { object: createObject(core, write, applied), created: true };
  }
  const wanted = (current: ApiObject): unknown => mergePatched(current, applied);
  return { object: changeObject(core, write, name, { wanted }), created: false };
}
