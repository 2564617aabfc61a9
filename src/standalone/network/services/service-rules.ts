// Service rules as a script of nft: one table that replaces the one before it in a transaction.
//
// What is addressed to a service is translated on its first packet, both when it comes from a pod
// (prerouting) and from the node itself (output). Whatever is still addressed to the service range after
// that has no endpoint, or no such port or service, and is refused at once.

import { createHash } from 'node:crypto';
import { dnsAddress, serviceRange } from '../address-plan.ts';
import type { ServiceRule } from './plan-services.ts';

export const serviceTable = 'ambit-services';
/** How the sets of clients are named that stay with an endpoint. */
export const clientSetPrefix = 'clients-';

type Target = ServiceRule['endpoints'][number];

/** Which clients were sent where, as elements of the sets by their names (see sticky-clients.ts). */
export type Remembered = ReadonlyMap<string, readonly string[]>;

/** The whole script. Endpoints are chosen at random, evenly. */
export function serviceScript(
  rules: readonly ServiceRule[],
  remembered: Remembered = new Map(),
): string {
  const chains = rules.map((rule, index) => serviceChain(rule, index, remembered));
  return `table inet ${serviceTable} {}
delete table inet ${serviceTable}
table inet ${serviceTable} {
${[...lookups(rules), ...chains.flat(), frame()].join('\n')}
}
`;
}

function isV6(address: string): boolean {
  return address.includes(':');
}

/** Which chain a virtual address and port leads to, and which endpoint talks to itself. */
function lookups(rules: readonly ServiceRule[]): string[] {
  const numbered = rules.map((rule, index) => ({ rule, index }));
  const services = (v6: boolean): string[] =>
    numbered
      .filter(({ rule }) => isV6(rule.address) === v6)
      .map(
        ({ rule: { address, port }, index }) =>
          `${address} . ${port.protocol} . ${port.port} : goto service-${index}`,
      );
  const itself = (v6: boolean): string[] => {
    const addresses = rules.flatMap((rule) => rule.endpoints.map((endpoint) => endpoint.address));
    return [...new Set(addresses)]
      .filter((address) => isV6(address) === v6)
      .map((address) => `${address} . ${address}`);
  };
  return [
    ...declare('map services4', 'ipv4_addr . inet_proto . inet_service : verdict', services(false)),
    ...declare('map services6', 'ipv6_addr . inet_proto . inet_service : verdict', services(true)),
    ...declare('set itself4', 'ipv4_addr . ipv4_addr', itself(false)),
    ...declare('set itself6', 'ipv6_addr . ipv6_addr', itself(true)),
  ];
}

function declare(name: string, type: string, elements: readonly string[]): string[] {
  const list = elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`];
  return [`  ${name} {`, `    type ${type}`, ...list, '  }'];
}

function serviceChain(rule: ServiceRule, index: number, remembered: Remembered): string[] {
  if (rule.affinitySeconds !== undefined) return stickyChains(rule, index, remembered);
  const { endpoints } = rule;
  const choice =
    endpoints.length === 1
      ? endpoints.map(formatTarget).join('')
      : `numgen random mod ${endpoints.length} map { ${endpoints
          .map(({ address, port }, number) => `${number} : ${address} . ${port}`)
          .join(', ')} }`;
  return [`  chain service-${index} {`, `    ${translation(rule)} to ${choice}`, '  }'];
}

/** A client that was sent to an endpoint goes there again until it has stayed away for the time. */
function stickyChains(rule: ServiceRule, index: number, remembered: Remembered): string[] {
  const v6 = isV6(rule.address);
  const source = v6 ? 'ip6 saddr' : 'ip saddr';
  const targets = rule.endpoints.map((endpoint, number) => ({
    endpoint,
    chain: `endpoint-${index}-${number}`,
    clients: clientSet(rule, endpoint),
  }));
  const chains = targets.flatMap(({ endpoint, chain, clients }) => [
    ...declare(
      `set ${clients}`,
      `${v6 ? 'ipv6_addr' : 'ipv4_addr'}; flags dynamic,timeout; timeout ${rule.affinitySeconds}s; size ${maxStickyClients}`,
      remembered.get(clients) ?? [],
    ),
    `  chain ${chain} {`,
    `    update @${clients} { ${source} }`,
    `    ${translation(rule)} to ${formatTarget(endpoint)}`,
    '  }',
  ]);
  const choice = targets.map(({ chain }, number) => `${number} : goto ${chain}`);
  return [
    ...chains,
    `  chain service-${index} {`,
    ...targets.map(({ chain, clients }) => `    ${source} @${clients} goto ${chain}`),
    `    numgen random mod ${targets.length} vmap { ${choice.join(', ')} }`,
    '  }',
  ];
}

/** The same name as long as service and endpoint are the same. */
function clientSet({ address, port }: ServiceRule, endpoint: Target): string {
  const text = `${address} ${port.protocol} ${port.port} ${endpoint.address} ${endpoint.port}`;
  return `${clientSetPrefix}${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Per endpoint; a client beyond this number is not remembered. */
const maxStickyClients = 65_535;

function translation({ address, port }: ServiceRule): string {
  return `meta l4proto ${port.protocol} dnat ${isV6(address) ? 'ip6' : 'ip'}`;
}

function formatTarget({ address, port }: Target): string {
  return isV6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The chains that hang in the kernel's hooks. An endpoint that reaches itself through its service
 * would answer itself directly, so it sees the node as its client. */
function frame(): string {
  return `  chain translate {
    ip daddr . meta l4proto . th dport vmap @services4
    ip6 daddr . meta l4proto . th dport vmap @services6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    jump translate
  }
  chain output {
    type nat hook output priority -100
    jump translate
  }
  chain postrouting {
    type nat hook postrouting priority srcnat
    ct status dnat ip saddr . ip daddr @itself4 masquerade
    ct status dnat ip6 saddr . ip6 daddr @itself6 masquerade
  }
  chain refuse {
    ip daddr ${dnsAddress.ipv4} return
    ip6 daddr ${dnsAddress.ipv6} return
    meta l4proto tcp reject with tcp reset
    reject with icmpx port-unreachable
  }
  chain forwarded {
    type filter hook forward priority filter
    ip daddr ${serviceRange.ipv4} jump refuse
    ip6 daddr ${serviceRange.ipv6} jump refuse
  }
  chain local {
    type filter hook output priority filter
    ip daddr ${serviceRange.ipv4} jump refuse
    ip6 daddr ${serviceRange.ipv6} jump refuse
  }`;
}
