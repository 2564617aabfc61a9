// The addresses of a host name by the proxy's own name servers, in the families that are of use.

import { type IpAddress, parseIp } from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { NameServer } from '../../runtime/resolv-conf.ts';
import { parseName } from '../../wire/dns/name.ts';
import { type AddressRecords, askForAddresses } from './ask-for-addresses.ts';

/** However long DNS allows. Seconds. */
const maxTtlSeconds = 3_600;

/** How names are asked for. */
export interface HostLookup {
  /** Whom to ask, in order. */
  readonly nameServers: () => Promise<readonly NameServer[]>;
  /** Whether IPv6 addresses are of use. */
  readonly ipv6: boolean;
}

/** Asks for all addresses of a name, at least one, with the time until the first of the records ends. A
 * name that is an address has that one. @throws AmbitError AMB1422 */
export async function lookUpHost(lookup: HostLookup, hostname: string): Promise<AddressRecords> {
  const itself = parseIp(hostname);
  if (itself !== undefined) return { addresses: [itself], ttlSeconds: maxTtlSeconds };
  const name = parseName(hostname);
  if (name === undefined) throw new AmbitError('AMB1422', `"${hostname}" is no host name`);
  const servers = await lookup.nameServers();
  const types = lookup.ipv6 ? (['A', 'AAAA'] as const) : (['A'] as const);
  const outcomes = await Promise.allSettled(
    types.map((type) => askForAddresses(servers, name, type)),
  );
  const found = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const addresses: IpAddress[] = found.flatMap((one) => one.addresses);
  if (addresses.length === 0) {
    const failed = outcomes.find((one) => one.status === 'rejected');
    throw new AmbitError('AMB1422', `${hostname} gave no address`, { cause: failed?.reason });
  }
  const ttls = found.filter((one) => one.addresses.length > 0).map((one) => one.ttlSeconds);
  return { addresses, ttlSeconds: Math.min(maxTtlSeconds, ...ttls) };
}
