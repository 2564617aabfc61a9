// Denies a pod all TCP but probes, for as long as nobody can prove that its traffic is redirected
// (fail closed). A table of its own, before all others, so that it holds whatever became of them.

import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { nft } from '../../linux/nft.ts';
import type { ProbeAddresses } from './rules.ts';
import { removeScript } from './table.ts';

/** The table that denies. */
export const quarantineTable = 'ambit-quarantine';

/** What the pod says to itself passes, probes of the node pass, the rest of TCP is reset. */
export function quarantineScript({ ipv4, ipv6 }: ProbeAddresses): string {
  const chain = (hook: 'input' | 'output', side: 'saddr' | 'daddr', inter: string): string =>
    `  chain ${hook} {
    type filter hook ${hook} priority -350; policy accept;
    ${inter} "lo" accept
    ip ${side} ${ipv4} accept
    ip6 ${side} ${ipv6} accept
    meta l4proto tcp counter reject with tcp reset
  }\n`;
  const chains = chain('input', 'saddr', 'iifname') + chain('output', 'daddr', 'oifname');
  return `${removeScript([quarantineTable])}table inet ${quarantineTable} {\n${chains}}\n`;
}

/** Denies; idempotent. @throws LinuxError */
export async function imposeQuarantine(
  namespace: NetworkNamespace,
  probes: ProbeAddresses,
): Promise<void> {
  await nft(quarantineScript(probes), namespace);
}

/** Allows again; what is not there is no error. @throws LinuxError */
export async function liftQuarantine(namespace: NetworkNamespace): Promise<void> {
  await nft(removeScript([quarantineTable]), namespace);
}
