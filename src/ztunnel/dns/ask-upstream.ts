// Asking the name servers of the node proxy from inside a pod, so that network policies and logs there
// see the pod (protocol section 8.4). Unlike Istio's this passes the packet on as it is, so any record
// type and EDNS option goes both ways; an answer that is cut makes the client come back over TCP, and
// its question then goes on over TCP.

import { randomInt } from 'node:crypto';
import { connectTcp } from '../../linux/tcp.ts';
import { openUdp } from '../../linux/udp.ts';
import { isLoopback, parseIp } from '../../mesh/address.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { NameServer } from '../../runtime/resolv-conf.ts';
import { exchangeTcp, exchangeUdp } from '../../wire/dns/exchange.ts';
import type { Query } from '../../wire/dns/message.ts';
import { type RelayedQuery, relayQuery } from '../../wire/dns/relay.ts';
import { type PodContext, proxyMark } from '../proxy/proxy-parts.ts';

/** Per server. Milliseconds. */
const timeoutMs = { udp: 2_000, tcp: 5_000 } as const;

/** Asks one server after the other; the first answer counts, whatever it says.
 * @throws AmbitError AMB1451 when none answers; the reason of the pod's end when that comes first */
export async function askUpstream(
  context: PodContext,
  servers: readonly NameServer[],
  question: { readonly bytes: Uint8Array; readonly query: Query },
  transport: 'udp' | 'tcp',
): Promise<Buffer> {
  const relayed = relayQuery(question.bytes, question.query.questionBytes, randomInt(0x1_0000));
  const exchange = transport === 'udp' ? overUdp : overTcp;
  const usable = servers.filter(isUsable);
  if (usable.length === 0) {
    const named = servers.map(({ address }) => address).join(', ');
    const what = named === '' ? 'the node proxy has no name server' : `${named} is on loopback`;
    throw new AmbitError('AMB1451', `${what}, nobody can be asked`);
  }
  const failures: unknown[] = [];
  for (const server of usable) {
    try {
      const limit = AbortSignal.timeout(timeoutMs[transport]);
      return await exchange(context, server, relayed, AbortSignal.any([limit, context.end]));
    } catch (error) {
      context.end.throwIfAborted();
      failures.push(error);
    }
  }
  const named = usable.map(({ address }) => address).join(', ');
  throw new AmbitError('AMB1451', `no answer from ${named}`, { cause: failures[0] });
}

/** A server on the loopback address of the node proxy is not there in the pod. */
function isUsable({ address }: NameServer): boolean {
  const parsed = parseIp(address);
  return parsed !== undefined && !isLoopback(parsed);
}

type Exchange = (
  context: PodContext,
  server: NameServer,
  query: RelayedQuery,
  signal: AbortSignal,
) => Promise<Buffer>;

const overUdp: Exchange = async ({ network }, server, query, signal) => {
  const host = server.address.includes(':') ? '::' : '0.0.0.0';
  const socket = await openUdp({ host, port: 0, namespace: network, mark: proxyMark });
  return await exchangeUdp(socket, server, query, signal);
};

const overTcp: Exchange = async ({ network }, server, query, signal) => {
  const socket = await connectTcp({
    host: server.address,
    port: server.port,
    namespace: network,
    mark: proxyMark,
    signal,
    timeoutMs: timeoutMs.tcp,
  });
  return await exchangeTcp(socket, query, signal);
};
