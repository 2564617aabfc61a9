// One question for the addresses of a name, to the proxy's own name servers: over UDP, and again over
// TCP when the answer was cut (RFC 1035, section 4.2.1).

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type IpAddress, parseIp } from '../../mesh/address.ts';
import type { NameServer } from '../../runtime/resolv-conf.ts';
import { exchangeTcp, exchangeUdp } from '../../wire/dns/exchange.ts';
import { type DnsRecord, encodeQuery, recordTypes, responseCodes } from '../../wire/dns/message.ts';
import { formatName, type Labels } from '../../wire/dns/name.ts';
import { readAnswers } from '../../wire/dns/read-answers.ts';
import { relayQuery } from '../../wire/dns/relay.ts';

/** Per server. Milliseconds. */
const timeoutMs = { udp: 2_000, tcp: 5_000 } as const;
/** TC: the answer did not fit. */
const truncated = 0x02;

/** What was answered. */
export interface AddressRecords {
  readonly addresses: readonly IpAddress[];
  /** Of the record that ends first; 0 without records. */
  readonly ttlSeconds: number;
}

/** Asks one server after the other until one answers; that a name does not exist is an answer.
 * @throws Error when none does */
export async function askForAddresses(
  servers: readonly NameServer[],
  name: Labels,
  type: 'A' | 'AAAA',
): Promise<AddressRecords> {
  let failure: unknown = new Error('the proxy has no name server');
  for (const server of servers) {
    try {
      return recordsIn(await exchange(server, name, recordTypes[type]), name, type);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function exchange(server: NameServer, name: Labels, type: number): Promise<Buffer> {
  const { bytes, questionBytes } = encodeQuery({ name, type });
  const query = relayQuery(bytes, questionBytes, randomInt(0x1_0000));
  // The kernel binds it to a port by chance when it is connected.
  const udp = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  const answer = await exchangeUdp(udp, server, query, AbortSignal.timeout(timeoutMs.udp));
  if (((answer[2] ?? 0) & truncated) === 0) return answer;
  const signal = AbortSignal.timeout(timeoutMs.tcp);
  const socket = connect({ host: server.address, port: server.port });
  return await exchangeTcp(socket, query, signal);
}

function recordsIn(answer: Uint8Array, name: Labels, type: 'A' | 'AAAA'): AddressRecords {
  const read = readAnswers(answer);
  if (read === undefined) throw new Error('the answer of the name server is malformed');
  const { code, records } = read;
  if (code !== responseCodes.noError && code !== responseCodes.nameError) {
    throw new Error(`the name server answered with response code ${code}`);
  }
  const owners = aliasesOf(name, records);
  const own = records.filter((record) => owners.has(formatName(record.name)));
  const addresses = new Set<IpAddress>();
  for (const { body } of own) {
    const address = body.type === type ? parseIp(body.address) : undefined;
    if (address !== undefined) addresses.add(address);
  }
  const ttls = own.map((record) => record.ttlSeconds);
  return { addresses: [...addresses], ttlSeconds: ttls.length === 0 ? 0 : Math.min(...ttls) };
}

/** The name itself and what it is an alias of. Other records of the answer were not asked for. */
function aliasesOf(name: Labels, records: readonly DnsRecord[]): ReadonlySet<string> {
  const names = new Set([formatName(name)]);
  for (let before = 0; before !== names.size; ) {
    before = names.size;
    for (const { name: owner, body } of records) {
      if (body.type === 'CNAME' && names.has(formatName(owner))) names.add(formatName(body.target));
    }
  }
  return names;
}
