// The virtual addresses of Services. Pure: the next free address of a range, given those taken.

import net from 'node:net';

/** An IP family, as Services name it. */
export type Family = 'IPv4' | 'IPv6';

interface Range {
  /** As CIDR text. */
  readonly text: string;
  readonly at: (offset: number) => string;
}

/** The ranges of laptop mode; each has 65,536 addresses. */
export const ranges: Readonly<Record<Family, Range>> = {
  IPv4: { text: '10.96.0.0/16', at: (offset) => `10.96.${offset >> 8}.${offset & 255}` },
  IPv6: { text: 'fd00:10:96::/112', at: (offset) => `fd00:10:96::${offset.toString(16)}` },
};

/** Offsets below are for those who ask for a particular address (the API server, cluster DNS). */
const firstChosen = 256;
const lastChosen = 65_534;

/** The lowest free address of a family, or undefined when none is left. */
export function chooseAddress(family: Family, taken: ReadonlySet<string>): string | undefined {
  for (let offset = firstChosen; offset <= lastChosen; offset++) {
    const address = ranges[family].at(offset);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** The family of an address; undefined for other text, such as `None`. */
export function familyOf(address: string): Family | undefined {
  if (net.isIPv4(address)) return 'IPv4';
  return net.isIPv6(address) ? 'IPv6' : undefined;
}

/** Whether an address is in its family's range. */
export function inRange(family: Family, address: string): boolean {
  const list = new net.BlockList();
  const [network = '', prefix = '0'] = ranges[family].text.split('/');
  const type = family === 'IPv4' ? 'ipv4' : 'ipv6';
  list.addSubnet(network, Number(prefix), type);
  return list.check(address, type);
}
