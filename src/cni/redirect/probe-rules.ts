// The rules in the node's own namespace that let the kubelet's probes through (protocol section
// 1.6). What the kubelet sends to an enrolled pod gets a source address of its own, which the rules
// within the pod exempt. Pure.
//
// Whoever runs with the kubelet's user id on the node is exempt with it, as in Istio's nftables
// mode: nftables cannot tell processes apart otherwise. Unlike Istio's, the rule leaves out what was
// sent to a service: probes never are, and such traffic has no reason to go beside the mesh on one
// node only.

import { type IpAddress, isV6 } from '../../mesh/address.ts';
import type { Rule } from './rule.ts';
import type { ProbeAddresses } from './rules.ts';
import { type AddressSet, replaceScript, type Table } from './table.ts';

/** What the exemption depends on. */
export interface ProbeSettings {
  readonly ipv6: boolean;
  /** Whose packets count as probes. */
  readonly kubeletUid: number;
  readonly probeAddresses: ProbeAddresses;
}

/** The enrolled pods of the node by address; values are pod uids. */
export type EnrolledAddresses = ReadonlyMap<IpAddress, string>;

export const probeTable = 'istio-ambient-nat';
const setV4 = 'istio-inpod-probes-v4';
const setV6 = 'istio-inpod-probes-v6';
/** Just before 100, where others (service proxies, base plugins) masquerade: the first to translate
 * a connection's source wins, and this rule is the narrower one. */
const priority = 99;

/** The table, its sets empty. */
export function probeRules(settings: ProbeSettings): Table {
  const { ipv4, ipv6 } = settings.probeAddresses;
  const sets: AddressSet[] = [{ name: setV4, type: 'ipv4_addr' }];
  const rules: Rule[] = [probeRule('ip', setV4, ipv4, settings.kubeletUid)];
  if (settings.ipv6) {
    sets.push({ name: setV6, type: 'ipv6_addr' });
    rules.push(probeRule('ip6', setV6, ipv6, settings.kubeletUid));
  }
  const hook = { type: 'nat', at: 'postrouting', priority } as const;
  return { name: probeTable, sets, chains: [{ name: 'postrouting', hook, rules }] };
}

function probeRule(family: 'ip' | 'ip6', set: string, address: IpAddress, uid: number): Rule {
  return {
    matches: [
      { kind: 'protocol', protocol: 'tcp' },
      { kind: 'socket-user', uid },
      { kind: 'sent-directly' },
      { kind: 'address', side: 'daddr', family, address: `@${set}` },
    ],
    action: { kind: 'snat', family, address },
    comment: 'probes of the kubelet to enrolled pods',
  };
}

/** The script that makes the table anew with these pods. */
export function installProbesScript(settings: ProbeSettings, pods: EnrolledAddresses): string {
  return replaceScript([probeTable], [probeRules(settings)]) + elements(settings, pods);
}

/** The script that makes the sets of an installed table hold exactly these pods. */
export function updateProbesScript(settings: ProbeSettings, pods: EnrolledAddresses): string {
  const sets = probeRules(settings).sets.map(
    ({ name }) => `flush set inet ${probeTable} ${name}\n`,
  );
  return sets.join('') + elements(settings, pods);
}

/** Each element's comment is the pod's uid, as Istio's tools expect. */
function elements(settings: ProbeSettings, pods: EnrolledAddresses): string {
  return [...exemptedAddresses(settings, pods)]
    .flatMap(([set, addresses]) =>
      [...addresses].map(
        (address) =>
          `add element inet ${probeTable} ${set} { ${address} comment "${pods.get(address)}" }\n`,
      ),
    )
    .join('');
}

/** The addresses in each set. */
export function exemptedAddresses(
  settings: ProbeSettings,
  pods: EnrolledAddresses,
): ReadonlyMap<string, ReadonlySet<IpAddress>> {
  const addresses = [...pods.keys()];
  const ipv4 = new Set(addresses.filter((address) => !isV6(address)));
  const ipv6 = new Set(addresses.filter(isV6));
  return new Map([[setV4, ipv4], ...(settings.ipv6 ? [[setV6, ipv6] as const] : [])]);
}
