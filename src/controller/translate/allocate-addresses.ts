// Virtual addresses for ServiceEntries that declare none (features section 1.4.4). What is written in a
// status is kept; what is missing is drawn from a range by a hash of the host, so that the outcome is
// the same in every replica, and the same again where a status was lost.

import { createHash } from 'node:crypto';
import {
  type Cidr,
  cidrContains,
  type IpAddress,
  ipFromBytes,
  ipToBytes,
  parseCidr,
  parseIp,
} from '../../mesh/address.ts';
import { byAge, keyOf } from '../kinds/object.ts';
import { type AllocatedAddress, isWildcard, type ServiceEntry } from '../kinds/service-entry.ts';
import type { AddressRanges } from './cidr.ts';
import { hostsOf } from './service-entries.ts';

const optOutLabel = 'networking.istio.io/enable-autoallocate-ip';

/** A ServiceEntry in force, with the addresses that its newest version has in its status. */
export interface AllocationSubject {
  readonly object: ServiceEntry;
  readonly present: readonly AllocatedAddress[];
}

/** Addresses by the key of the ServiceEntry; entries that get none are absent. */
export type Allocations = ReadonlyMap<string, readonly AllocatedAddress[]>;

function isAllocated({ metadata, spec }: ServiceEntry): boolean {
  if ((spec?.resolution ?? 'NONE') === 'NONE') return false;
  if ((spec?.addresses ?? []).length > 0) return false;
  return metadata.labels?.[optOutLabel]?.toLowerCase() !== 'false';
}

/** Gives every host that needs one an address of each family. Between two objects that have the same
 * address the older keeps it; one that an author declares is given to nobody. */
export function allocateAddresses(
  subjects: readonly AllocationSubject[],
  ranges: AddressRanges,
): Allocations {
  const oldestFirst = subjects.toSorted((left, right) => byAge(left.object, right.object));
  const taken = new TakenAddresses(
    oldestFirst.map(({ object }) => object),
    ranges,
  );
  const kept = new Map<string, AllocatedAddress[]>();
  for (const { object, present } of oldestFirst) {
    kept.set(keyOf(object), keep(object, present, ranges, taken));
  }
  const allocations = new Map<string, readonly AllocatedAddress[]>();
  for (const { object } of oldestFirst) {
    const key = keyOf(object);
    const own = kept.get(key) ?? [];
    const complete = allocatedHosts(object).flatMap((host) =>
      [ranges.ipv4, ranges.ipv6].flatMap((range): AllocatedAddress[] => {
        const known = own.find((one) => one.host === host && isIn(range, one.value));
        if (known !== undefined) return [known];
        const drawn = draw(`${key}/${host}`, range, taken);
        return drawn === undefined ? [] : [{ value: drawn, host }];
      }),
    );
    if (complete.length > 0) allocations.set(key, complete);
  }
  return allocations;
}

/** The hosts of a ServiceEntry that the controller gives addresses to. */
export function allocatedHosts(object: ServiceEntry): string[] {
  if (!isAllocated(object)) return [];
  const anyHost = object.spec?.resolution === 'DYNAMIC_DNS';
  return hostsOf(object).filter((host) => anyHost || !isWildcard(host));
}

/** The first address of each family that a status has for a host. */
function keep(
  object: ServiceEntry,
  present: readonly AllocatedAddress[],
  ranges: AddressRanges,
  taken: TakenAddresses,
): AllocatedAddress[] {
  return allocatedHosts(object).flatMap((host) =>
    [ranges.ipv4, ranges.ipv6].flatMap((range): AllocatedAddress[] => {
      const found = present.find(
        (one) => one.host.toLowerCase() === host && isIn(range, one.value),
      );
      const address = parseIp(found?.value ?? '');
      if (address === undefined || !taken.take(address)) return [];
      return [{ value: address, host }];
    }),
  );
}

function isIn(range: Cidr, text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && cidrContains(range, address);
}

/** More is not tried: the range is as good as full. */
const maxProbes = 65_536;

/** The first free address from a place that the name decides. The network's own address and the last
 * one are given to nobody. */
function draw(name: string, range: Cidr, taken: TakenAddresses): IpAddress | undefined {
  const base = ipToBytes(range.address);
  const hostBits = Math.min(32, base.length * 8 - range.length);
  const usable = 2 ** hostBits - 2;
  if (usable < 1) return undefined;
  const start = createHash('sha256').update(name).digest().readUInt32BE(0);
  for (let probe = 0; probe < Math.min(usable, maxProbes); probe++) {
    const address = offset(base, 1 + ((start + probe) % usable));
    if (address !== undefined && taken.take(address)) return address;
  }
  return undefined;
}

function offset(base: Uint8Array, number: number): IpAddress | undefined {
  const bytes = Uint8Array.from(base);
  let rest = number;
  for (let index = bytes.length - 1; rest > 0 && index >= 0; index--) {
    rest += bytes[index] ?? 0;
    bytes[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return ipFromBytes(bytes);
}

/** Which addresses of the ranges somebody has. */
class TakenAddresses {
  readonly #addresses = new Set<IpAddress>();
  readonly #networks: Cidr[] = [];

  constructor(objects: readonly ServiceEntry[], { ipv4, ipv6 }: AddressRanges) {
    for (const text of objects.flatMap(({ spec }) => spec?.addresses ?? [])) {
      const parsed = parseCidr(text);
      if (parsed === undefined) continue;
      const isAddress = parsed.length === (parsed.address.includes(':') ? 128 : 32);
      if (isAddress) this.#addresses.add(parsed.address);
      else if (overlaps(parsed, ipv4) || overlaps(parsed, ipv6)) this.#networks.push(parsed);
    }
  }

  /** Takes an address unless somebody has it. */
  take(address: IpAddress): boolean {
    if (this.#addresses.has(address)) return false;
    if (this.#networks.some((network) => cidrContains(network, address))) return false;
    this.#addresses.add(address);
    return true;
  }
}

function overlaps(one: Cidr, other: Cidr): boolean {
  return cidrContains(one, other.address) || cidrContains(other, one.address);
}
