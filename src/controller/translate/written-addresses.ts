// Which addresses the statuses of ServiceEntries have, and which they should have.

import { keyOf } from '../kinds/object.ts';
import type { AllocatedAddress, ServiceEntry } from '../kinds/service-entry.ts';
import type { ObjectSource } from '../objects.ts';
import { type Allocations, allocateAddresses } from './allocate-addresses.ts';
import type { StatusFields } from './finding.ts';
import type { MeshOptions } from './mesh-options.ts';

/** The allocated addresses that are written down, and what is to be written: an address counts once it is
 * written, so that all replicas tell the same. */
export function writtenAddresses(
  objects: ObjectSource,
  serviceEntries: readonly ServiceEntry[],
  mesh: MeshOptions,
): { readonly written: Allocations; readonly writes: readonly StatusFields[] } {
  const subjects = serviceEntries.map((object) => {
    const { namespace, name } = object.metadata;
    const newest = objects.get('ServiceEntry', namespace, name) ?? object;
    return { object, newest, present: newest.status?.addresses ?? [] };
  });
  const wanted = allocateAddresses(subjects, mesh.addressRanges);
  const written = new Map<string, readonly AllocatedAddress[]>();
  const writes: StatusFields[] = [];
  for (const { object, newest, present } of subjects) {
    const addresses = wanted.get(keyOf(object)) ?? [];
    const isWritten = ({ value, host }: AllocatedAddress): boolean =>
      present.some((one) => one.value === value && one.host === host);
    const same = addresses.filter(isWritten);
    written.set(keyOf(object), same);
    const isComplete = same.length === addresses.length && same.length === present.length;
    if (!isComplete) writes.push({ object: newest, fields: { addresses } });
  }
  return { written, writes };
}
