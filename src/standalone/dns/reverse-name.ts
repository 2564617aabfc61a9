// Addresses as names below in-addr.arpa and ip6.arpa (RFC 1035, section 3.5; RFC 3596, section 2.5).

import { cidrContains, parseCidr, parseIp } from '../../mesh/address.ts';
import type { Labels } from '../../wire/dns/name.ts';
import { serviceRange } from '../network/address-plan.ts';

/** What pods, nodes and services have their addresses of. */
const ownRanges = [
  '10.244.0.0/16',
  '172.30.0.0/24',
  'fd00:10:244::/48',
  'fd00:30::/64',
  serviceRange.ipv4,
  serviceRange.ipv6,
].flatMap((text) => parseCidr(text) ?? []);

/** Whether an address belongs to the local network. */
export function isOwnAddress(text: string): boolean {
  const address = parseIp(text);
  return address !== undefined && ownRanges.some((range) => cidrContains(range, address));
}

/** The address that a reverse name stands for, canonical; undefined for any other name. */
export function addressOfReverseName(name: Labels): string | undefined {
  const [top, kind] = name.toReversed();
  if (top !== 'arpa') return undefined;
  const parts = name.slice(0, -2).toReversed();
  if (kind === 'in-addr' && parts.length === 4) return parseIp(parts.join('.'));
  if (kind !== 'ip6' || parts.length !== 32 || !parts.every((part) => /^[0-9a-f]$/.test(part))) {
    return undefined;
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    parts.slice(index * 4, index * 4 + 4).join(''),
  );
  return parseIp(groups.join(':'));
}
