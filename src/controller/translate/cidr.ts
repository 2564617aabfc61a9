// Networks in their canonical form.

import { type Cidr, ipFromBytes, ipToBytes } from '../../mesh/address.ts';

/** The networks that something is drawn from, one per family. */
export interface AddressRanges {
  readonly ipv4: Cidr;
  readonly ipv6: Cidr;
}

/** The network that an address with a prefix length is in: its other bits are zero. */
export function maskCidr({ address, length }: Cidr): Cidr {
  const bytes = ipToBytes(address).map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - bits));
  });
  return { address: ipFromBytes(bytes) ?? address, length };
}
