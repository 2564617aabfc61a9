// A name server of a test's own.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { buildResponse, type DnsRecord, parseQuery } from '../../src/wire/dns/message.ts';
import { formatName, parseName } from '../../src/wire/dns/name.ts';

/** Records of a name, with how long they live in seconds; 60 when it is not said. */
export type Zone = Readonly<Record<string, readonly (readonly [DnsRecord['body'], number?])[]>>;

/** A name server on loopback that knows `zone`, which may change, and the names it was asked for. */
export async function startZone(stack: AsyncDisposableStack, zone: Zone) {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  stack.defer(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  socket.on('message', (bytes, { address, port }) => {
    const parsed = parseQuery(bytes);
    if (parsed.kind !== 'query') return;
    const { name, type } = parsed.query.question;
    asked.push(`${formatName(name)}${type === 1 ? 'A' : 'AAAA'}`);
    const known = zone[formatName(name)];
    const wanted = (known ?? []).filter(
      ([body]) => body.type === 'CNAME' || (body.type === 'A') === (type === 1),
    );
    const answers = wanted.map(([body, ttlSeconds = 60]) => ({
      name: body.type === 'CNAME' ? name : (parseName('target.example') ?? name),
      ttlSeconds,
      body,
    }));
    const direct = answers.some(({ body }) => body.type === 'CNAME')
      ? answers
      : answers.map((answer) => ({ ...answer, name }));
    const code = known === undefined ? 3 : 0;
    const response = { code, authoritative: true, answers: direct } as const;
    socket.send(buildResponse(parsed.query, response, 'udp'), port, address);
  });
  const server = { address: '127.0.0.1', port: socket.address().port };
  return { asked, nameServers: () => Promise.resolve([server]) };
}
