// Which connections of a pod are on the wrong way: those from before its redirection when it joins,
// those of the proxy when it leaves. The rules end the former only with their next packet, since that
// packet is the first which the kernel tracks, and one that waits for its peer would wait for ever.
//
// The question is asked after the rules have changed, never before, so no connection is missed that
// was made in between. Pure but for reading what is there.

import { type TcpConnection, tcpConnections } from '../../linux/connections.ts';
import { listeningTcpPorts } from '../../linux/listeners.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { isV6, parseIp } from '../../mesh/address.ts';
import { markMask, proxyMark, proxyPorts, type RedirectSettings } from './rules.ts';

/** Connections beyond a redirected pod that the proxy does not carry. What is found is looked at
 * twice: ss walks over a living table, so it may see one end of a new connection and have passed the
 * place of the other. @throws LinuxError */
export async function unredirectedConnections(
  namespace: NetworkNamespace,
  settings: RedirectSettings,
): Promise<TcpConnection[]> {
  const first = unredirected(await tcpConnections(namespace), settings, new Set());
  if (first.length === 0) return [];
  const listening = settings.bypassInbound ? listeningTcpPorts(namespace) : new Set<number>();
  const before = new Set(first.map(keyOf));
  const again = unredirected(await tcpConnections(namespace), settings, listening);
  return again.filter((connection) => before.has(keyOf(connection)));
}

/** Connections beyond a pod that the proxy carries, both the pod's ends and the proxy's.
 * @throws LinuxError */
export async function redirectedConnections(namespace: NetworkNamespace): Promise<TcpConnection[]> {
  const all = await tcpConnections(namespace);
  const ends = new Ends(all);
  return all.filter((one) => !one.over && (ends.isProxys(one) || ends.isCarried(one)));
}

/** The rule itself. It leaves alone what never goes through the proxy: connections within the pod,
 * probes of the node, a family that is not redirected, and the pod's servers where inbound capture
 * is bypassed. @param listening ports with a listener; only of meaning with bypassInbound */
export function unredirected(
  all: readonly TcpConnection[],
  settings: RedirectSettings,
  listening: ReadonlySet<number>,
): TcpConnection[] {
  const ends = new Ends(all);
  const { ipv4, ipv6 } = settings.probeAddresses;
  const exempt = new Set<string>(['127.0.0.1', '::1', ipv4, ipv6]);
  return all.filter((one) => {
    const address = addressIn(one.remote);
    if (one.over || address === addressIn(one.local) || exempt.has(address)) return false;
    const ip = parseIp(address);
    if (ip !== undefined && isV6(ip) && !settings.ipv6) return false;
    if (settings.bypassInbound && listening.has(portIn(one.local))) return false;
    return !ends.isProxys(one) && !ends.isCarried(one);
  });
}

const capturePorts = new Set<number>([proxyPorts.outbound, proxyPorts.dns]);
const inboundPorts = new Set<number>([proxyPorts.inbound, proxyPorts.tunnel]);

/** The sockets of a namespace by their ends. */
class Ends {
  readonly #pairs = new Set<string>();
  readonly #captured = new Set<string>();

  constructor(all: readonly TcpConnection[]) {
    for (const one of all) {
      this.#pairs.add(keyOf(one));
      if (capturePorts.has(portIn(one.local))) this.#captured.add(plain(one.remote));
    }
  }

  /** A socket of the proxy: all bear its mark, but for one that runs without, which its ports tell. */
  isProxys({ local, mark }: TcpConnection): boolean {
    const port = portIn(local);
    return (mark & markMask) === proxyMark || capturePorts.has(port) || inboundPorts.has(port);
  }

  /** Whether the other end is in this namespace too. Outbound, the proxy's end knows the pod's end
   * as its peer; inbound, it speaks in the client's name, so that both are the same pair turned
   * round, as they are for two programs of the pod that speak with each other. */
  isCarried({ local, remote }: TcpConnection): boolean {
    return this.#captured.has(plain(local)) || this.#pairs.has(`${plain(remote)} ${plain(local)}`);
  }
}

function keyOf({ local, remote }: TcpConnection): string {
  return `${plain(local)} ${plain(remote)}`;
}

/** An end with its address in canonical form: `::ffff:10.0.0.1` is `10.0.0.1`. */
function plain(end: string): string {
  return `${addressIn(end)} ${portIn(end)}`;
}

function portIn(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1));
}

function addressIn(end: string): string {
  const address = end.slice(0, end.lastIndexOf(':'));
  return address.replace(/^\[(?:::ffff:(?=[\d.]+\]))?(.*)\]$/, '$1');
}
