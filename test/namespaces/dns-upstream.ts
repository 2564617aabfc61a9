// A name server outside of the mesh, on port 53 of a namespace, UDP and TCP, both families.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { listenTcp } from '../../src/linux/tcp.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { parseIp } from '../../src/mesh/address.ts';
import { parseQuery } from '../../src/wire/dns/message.ts';
import { serveConnection } from '../../src/wire/dns/tcp-messages.ts';

/** A question as it arrived. */
export interface Arrived {
  readonly name: string;
  readonly transport: 'udp' | 'tcp';
  readonly source: string;
  readonly bytes: Buffer;
}

/** Answers with what `answer` makes of a query; undefined is silence. Gives the list of what arrived. */
export async function serveNames(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  answer: (query: Arrived) => Buffer | undefined,
): Promise<Arrived[]> {
  const arrived: Arrived[] = [];
  const take = (bytes: Buffer, transport: 'udp' | 'tcp', source = '') => {
    const parsed = parseQuery(bytes);
    const name = parsed.kind === 'query' ? parsed.query.question.name.join('.') : parsed.kind;
    const query = { name, transport, source: parseIp(source) ?? source, bytes };
    arrived.push(query);
    return answer(query);
  };
  const udp = await openUdp({ host: '::', port: 53, namespace });
  stack.defer(() => new Promise<void>((resolve) => void udp.close(resolve)));
  udp.on('message', (bytes, { address, port }) => {
    const reply = take(bytes, 'udp', address);
    if (reply !== undefined) udp.send(reply, port, address);
  });
  const tcp = createServer((socket) => {
    stack.defer(() => void socket.destroy());
    const reply = async (bytes: Buffer) => take(bytes, 'tcp', socket.remoteAddress);
    serveConnection(socket, reply, { idleMs: 10_000, maxPending: 8 });
  });
  stack.defer(() => void tcp.close());
  tcp.listen({ fd: listenTcp({ host: '::', port: 53, namespace }).fd });
  await once(tcp, 'listening');
  return arrived;
}

/** A query turned into an answer with records of one type, the data of each as it is; what stood after
 * the question, such as EDNS options, follows them. */
export function answerTo(
  query: Buffer,
  type: number,
  data: readonly Buffer[],
  flags = 0x8180,
): Buffer {
  const parsed = parseQuery(query);
  if (parsed.kind !== 'query') throw new Error('not a query');
  const end = 12 + parsed.query.questionBytes.length;
  const records = data.map((bytes) => {
    const head = Buffer.of(0xc0, 12, type >> 8, type & 255, 0, 1, 0, 0, 0, 60, 0, 0);
    head.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([head, bytes]);
  });
  const answer = Buffer.concat([query.subarray(0, end), ...records, query.subarray(end)]);
  answer.writeUInt16BE(flags, 2);
  answer.writeUInt16BE(records.length, 6);
  return answer;
}
