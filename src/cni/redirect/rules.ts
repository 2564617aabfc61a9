// The rules that redirect a pod's traffic to the node's proxy: settings to tables. The numbers in
// the comments are those of protocol sections 1.4 and 1.5, whose nftables form this is. Pure.

import type { IpAddress } from '../../mesh/address.ts';
import type { Match, Rule } from './rule.ts';
import type { Chain, Table } from './table.ts';

/** What the rules of one pod depend on. */
export interface RedirectSettings {
  /** Whether IPv6 is redirected too. */
  readonly ipv6: boolean;
  /** Whether DNS goes to the proxy (annotation `ambient.istio.io/dns-capture`). */
  readonly captureDns: boolean;
  /** Inbound plaintext goes straight to the application
   * (`ambient.istio.io/bypass-inbound-capture`). */
  readonly bypassInbound: boolean;
  /** What comes in here counts as outbound (`istio.io/reroute-virtual-interfaces`). Valid names. */
  readonly virtualInterfaces: readonly string[];
  /** The source addresses that the node gives to probes. */
  readonly probeAddresses: ProbeAddresses;
}

export interface ProbeAddresses {
  readonly ipv4: IpAddress;
  readonly ipv6: IpAddress;
}

/** Where the proxy listens in each pod. */
export const proxyPorts = { outbound: 15001, inbound: 15006, tunnel: 15008, dns: 15053 } as const;
/** The mark on every packet that the proxy sends from a pod. */
export const proxyMark = 0x539;
/** The connection mark of connections that the proxy opened within the pod. */
export const returnMark = 0x111;
export const markMask = 0xfff;
/** Connections between the proxy and DNS servers are tracked apart from the application's. */
const dnsZone = 1;

const tableNames = {
  nat: 'istio-ambient-nat',
  mangle: 'istio-ambient-mangle',
  raw: 'istio-ambient-raw',
} as const;

/** Holds back packets of connections from before the rules, until those have been ended. Without it
 * a server that speaks would be reset by the proxy's port, and its client never told. */
export const transitionTable = 'ambit-transition';

/** Refuses what would pass the proxy by: see guardTable(). Ours alone; Istio has no such table. */
export const guardTableName = 'ambit-guard';

/** Every table that a pod may hold; removal names all of them. */
export const podTables: readonly string[] = [
  ...Object.values(tableNames),
  guardTableName,
  transitionTable,
];

/** The table of the transition: what the kernel takes for new although it is in the midst of a
 * conversation is dropped, and its sender will send it again. */
export function transitionScript(): string {
  const chain = (hook: string): string =>
    `  chain ${hook} {
    type filter hook ${hook} priority -140; policy accept;
    ct state new tcp flags & syn == 0 counter drop
  }\n`;
  return `table inet ${transitionTable} {\n${chain('prerouting')}${chain('output')}}\n`;
}

/** The table whose rules take new connections; the others only serve those that were taken. */
export const captureTable = tableNames.nat;

/** The tables of a pod. */
export function podRules(settings: RedirectSettings): readonly Table[] {
  const tables = [natTable(settings), mangleTable(), guardTable(settings)];
  return settings.captureDns ? [...tables, rawTable(settings)] : tables;
}

const tcp: Match = { kind: 'protocol', protocol: 'tcp' };
const toLoopbackInterface: Match = { kind: 'interface', side: 'oifname', name: 'lo' };
/** To any other port; implies TCP. */
const notToPort = (port: number): Match => ({
  kind: 'port',
  protocol: 'tcp',
  side: 'dport',
  port,
  not: true,
});
const notToTunnel = notToPort(proxyPorts.tunnel);
const fromProxy: Match = { kind: 'mark', of: 'meta', mask: markMask, value: proxyMark };
const notFromProxy: Match = { ...fromProxy, not: true };

interface Family {
  readonly family: 'ip' | 'ip6';
  readonly loopback: string;
  readonly probe: IpAddress;
}

function familiesOf(settings: RedirectSettings): readonly Family[] {
  const { ipv4, ipv6 } = settings.probeAddresses;
  const families: Family[] = [{ family: 'ip', loopback: '127.0.0.1', probe: ipv4 }];
  if (settings.ipv6) families.push({ family: 'ip6', loopback: '::1', probe: ipv6 });
  return families;
}

/** Only the literal, not 127.0.0.0/8: the rest of it leaves through lo and is accepted there. */
function beyondLoopback({ family, loopback }: Family): Match {
  return { kind: 'address', side: 'daddr', family, address: loopback, not: true };
}

function natTable(settings: RedirectSettings): Table {
  return {
    name: tableNames.nat,
    sets: [],
    chains: [
      // The order within a hook is by priority: -100 is where destinations are translated.
      base('prerouting', 'nat', -100, '6'),
      base('output', 'nat', -100, '3'),
      { name: 'istio-prerouting', rules: natPrerouting(settings) },
      { name: 'istio-output', rules: natOutput(settings) },
    ],
  };
}

function natPrerouting(settings: RedirectSettings): Rule[] {
  const families = familiesOf(settings);
  const rules = settings.virtualInterfaces.flatMap((name) => virtualInterface(name, settings));
  if (settings.bypassInbound) return rules;
  for (const { family, probe } of families) {
    rules.push({
      matches: [{ kind: 'address', side: 'saddr', family, address: probe }, tcp],
      action: { kind: 'accept' },
      comment: '10: probes of the node reach the application',
    });
  }
  for (const family of families) {
    rules.push({
      matches: [beyondLoopback(family), notToTunnel, notFromProxy],
      action: { kind: 'redirect', port: proxyPorts.inbound },
      comment: '12: inbound plaintext to the proxy',
    });
  }
  return rules;
}

function virtualInterface(name: string, settings: RedirectSettings): Rule[] {
  const matches: Match[] = [{ kind: 'interface', side: 'iifname', name }, ...only(settings), tcp];
  return [
    {
      matches,
      action: { kind: 'redirect', port: proxyPorts.outbound },
      comment: '7: what a virtual interface brings counts as outbound',
    },
    { matches, action: { kind: 'return' }, comment: '8: and as nothing else' },
  ];
}

/** Rules without an address hold for both families unless IPv6 is left alone. */
function only(settings: RedirectSettings): Match[] {
  return settings.ipv6 ? [] : [{ kind: 'family', family: 'ipv4' }];
}

function natOutput(settings: RedirectSettings): Rule[] {
  const families = familiesOf(settings);
  const rules: Rule[] = families.map(({ family, probe }) => ({
    matches: [{ kind: 'address', side: 'daddr', family, address: probe }, tcp],
    action: { kind: 'accept' },
    comment: '11: answers to probes of the node',
  }));
  if (settings.captureDns) rules.push(...dnsOutput(settings));
  rules.push({
    matches: [tcp, { kind: 'mark', of: 'meta', mask: markMask, value: returnMark }],
    action: { kind: 'accept' },
    comment: '18: answers to the proxy keep their way back',
  });
  for (const family of families) {
    rules.push({
      matches: [beyondLoopback(family), toLoopbackInterface],
      action: { kind: 'accept' },
      comment: '19: the pod speaking to itself',
    });
  }
  for (const family of families) {
    rules.push({
      matches: [beyondLoopback(family), tcp, notFromProxy],
      action: { kind: 'redirect', port: proxyPorts.outbound },
      comment: '20: outbound to the proxy',
    });
  }
  return rules;
}

function dnsOutput(settings: RedirectSettings): Rule[] {
  const action = { kind: 'redirect', port: proxyPorts.dns } as const;
  const udp: Rule = {
    matches: [
      { ...toLoopbackInterface, not: true },
      ...only(settings),
      { kind: 'port', protocol: 'udp', side: 'dport', port: 53 },
      notFromProxy,
    ],
    action,
    comment: '14: DNS to the proxy',
  };
  const overTcp = familiesOf(settings).map(
    (family): Rule => ({
      matches: [
        beyondLoopback(family),
        { kind: 'port', protocol: 'tcp', side: 'dport', port: 53 },
        notFromProxy,
      ],
      action,
      comment: '15: DNS over TCP to the proxy',
    }),
  );
  return [udp, ...overTcp];
}

function mangleTable(): Table {
  const returning: Match = { kind: 'mark', of: 'ct', mask: markMask, value: returnMark };
  return {
    name: tableNames.mangle,
    sets: [],
    chains: [
      base('prerouting', 'filter', -150, '1'),
      // Type route: a changed mark must make the kernel route the packet again.
      base('output', 'route', -150, '2'),
      {
        name: 'istio-prerouting',
        rules: [
          {
            matches: [fromProxy],
            action: { kind: 'mark-connection', mask: markMask, value: returnMark },
            comment: '9: remember connections that the proxy opens here',
          },
        ],
      },
      {
        name: 'istio-output',
        rules: [
          {
            matches: [returning],
            action: { kind: 'restore-mark' },
            comment: '13: so that answers go back to the proxy whatever the address',
          },
        ],
      },
    ],
  };
}

/** Where a connection ought to have been redirected and was not, because somebody emptied or removed the
 * other tables, it is refused until the agent has put them back. What the proxy sends bears its mark,
 * what was redirected is translated, and what stays within the pod uses its loopback interface. */
function guardTable(settings: RedirectSettings): Table {
  const missed: Match[] = [...only(settings), { kind: 'new-connection' }, tcp];
  const direct: Match = { kind: 'sent-directly' };
  const filter = (at: 'input' | 'output', rules: Rule[]): Chain => ({
    name: at,
    // After the translation of destinations, before the filters of others.
    hook: { type: 'filter', at, priority: -10 },
    rules,
  });
  const output: Rule = {
    matches: [{ ...toLoopbackInterface, not: true }, ...missed, notFromProxy, direct],
    action: { kind: 'reset' },
    comment: 'outbound past the proxy',
  };
  const inbound = familiesOf(settings).map(
    ({ family, probe }): Rule => ({
      matches: [
        { kind: 'interface', side: 'iifname', name: 'lo', not: true },
        { kind: 'new-connection' },
        { kind: 'address', side: 'saddr', family, address: probe, not: true },
        notToTunnel,
        // A redirection to where the packet goes anyway is no translation.
        notToPort(proxyPorts.inbound),
        direct,
      ],
      action: { kind: 'reset' },
      comment: 'inbound plaintext past the proxy',
    }),
  );
  return {
    name: guardTableName,
    sets: [],
    chains: [filter('input', settings.bypassInbound ? [] : inbound), filter('output', [output])],
  };
}

function rawTable(settings: RedirectSettings): Table {
  const zone = { kind: 'zone', zone: dnsZone } as const;
  const dns = (side: 'sport' | 'dport'): Match[] => [
    ...only(settings),
    { kind: 'port', protocol: 'udp', side, port: 53 },
  ];
  return {
    name: tableNames.raw,
    sets: [],
    chains: [
      base('prerouting', 'filter', -300, '4'),
      base('output', 'filter', -300, '5'),
      {
        name: 'istio-prerouting',
        rules: [
          {
            matches: [...dns('sport'), notFromProxy],
            action: zone,
            comment: '17: answers of DNS servers to the proxy',
          },
        ],
      },
      {
        name: 'istio-output',
        rules: [
          {
            matches: [...dns('dport'), fromProxy],
            action: zone,
            comment: '16: questions of the proxy to DNS servers',
          },
        ],
      },
    ],
  };
}

function base(
  at: 'prerouting' | 'output',
  type: 'nat' | 'filter' | 'route',
  priority: number,
  number: string,
): Chain {
  return {
    name: at,
    hook: { type, at, priority },
    rules: [
      {
        matches: [],
        action: { kind: 'jump', chain: `istio-${at}` },
        comment: `${number}: every packet`,
      },
    ],
  };
}
