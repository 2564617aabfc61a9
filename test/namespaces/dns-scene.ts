// Two pods of the mesh whose names go to the proxies, a name server outside, and clients within the pods,
// for the tests of names.

import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import * as assert from 'uvu/assert';
import type { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { connectTcp } from '../../src/linux/tcp.ts';
import { openUdp } from '../../src/linux/udp.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import type { Logger } from '../../src/runtime/log.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import type { NameServer } from '../../src/runtime/resolv-conf.ts';
import { frame, TcpMessages } from '../../src/wire/dns/tcp-messages.ts';
import { addresses } from '../cni/pod-network.ts';
import { aService, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { type Arrived, answerTo, serveNames } from './dns-upstream.ts';
import { runIn } from './net-support.ts';
import { startTwoPods, type TwoPods } from './ztunnel-support.ts';

export const types = { a: 1, txt: 16, aaaa: 28 } as const;
/** An address that nothing has. */
export const outsideServer = { ipv4: '10.78.9.9', ipv6: 'fd78:9::9' } as const;
export const echo = 'echo.default.svc.cluster.local';

export interface Scene extends TwoPods {
  readonly arrived: Arrived[];
  /** The name servers of the proxy. */
  readonly servers: NameServer[];
  readonly lines: { code?: string; domain?: string; result?: string; message: string }[];
}

/** Two pods, and a name server on the node that answers `192.0.2.1` to anything. */
export async function start(
  stack: AsyncDisposableStack,
  answer: (query: Arrived) => Buffer | undefined = ({ bytes }) =>
    answerTo(bytes, types.a, [Buffer.of(192, 0, 2, 1)]),
): Promise<Scene> {
  const servers: NameServer[] = [{ address: addresses.node.ipv4, port: 53 }];
  const lines: Scene['lines'] = [];
  const note = (fields: object, message: string): void => void lines.push({ ...fields, message });
  const log: Logger = { ...silentLogger, debug: note, warn: note, child: () => log };
  const two = await startTwoPods(stack, {
    log,
    dns: {
      hosts: ['127.0.0.1', '::1'],
      port: 15_053,
      domain: 'cluster.local',
      ipv6: true,
      preferredNamespace: '',
      nameServers: async () => servers,
    },
  });
  const arrived = await serveNames(stack, two.network.node, answer);
  const headless = aService('db');
  const member = new Map([[keyOfService(headless), headless.ports]]);
  two.publish({
    services: [
      headless,
      aService('www.example.com', {
        hostname: 'www.example.com',
        addresses: [{ network: '', address: ipAddress('240.240.0.1') }],
      }),
    ],
    workloads: ['db-0', 'db-1'].map((name, index) =>
      aWorkload(name, {
        addresses: [ipAddress(`10.78.1.${index}`), ipAddress(`fd78:1::${index}`)],
        services: member,
      }),
    ),
  });
  return { ...two, arrived, servers, lines };
}

/** Asks with Node's own resolver from inside a pod, several questions one after the other on the same
 * resolver; each as `METHOD NAME`. */
export async function resolve(
  namespace: NetworkNamespace,
  server: string,
  questions: readonly string[],
): Promise<string[]> {
  const program = `
    const resolver = new (require('node:dns').promises.Resolver)({ timeout: 5000, tries: 1 });
    resolver.setServers([process.argv[1]]);
    (async () => {
      const answers = [];
      for (const [method, name] of process.argv.slice(2).map((text) => text.split(' '))) {
        answers.push(await resolver[method](name).then((found) => found.flat().toSorted().join(' '), (error) => error.code));
      }
      console.log(JSON.stringify(answers));
    })();`;
  const { stdout, stderr } = await runIn(namespace, process.execPath, [
    '-e',
    program,
    server,
    ...questions,
  ]);
  assert.is(stderr, '');
  return JSON.parse(stdout) as string[];
}

/** Sends raw bytes over UDP from a pod and waits for one answer. */
export async function exchange(
  stack: AsyncDisposableStack,
  namespace: NetworkNamespace,
  server: string,
  bytes: Buffer,
): Promise<{ answer: Buffer; from: RemoteInfo }> {
  const host = server.includes(':') ? '::' : '0.0.0.0';
  const socket = await openUdp({ host, port: 0, namespace });
  stack.defer(() => void socket.close());
  const answered = once(socket, 'message') as Promise<[Buffer, RemoteInfo]>;
  socket.send(bytes, 53, server);
  const [answer, from] = await answered;
  return { answer, from };
}

/** The same over TCP, several questions on one connection. */
export async function exchangeTcp(
  namespace: NetworkNamespace,
  server: string,
  queries: readonly Buffer[],
): Promise<Buffer[]> {
  const socket = await connectTcp({ host: server, port: 53, namespace });
  const { promise, resolve: done } = Promise.withResolvers<void>();
  const answers: Buffer[] = [];
  const messages = new TcpMessages((bytes) => {
    answers.push(bytes);
    if (answers.length === queries.length) done();
  });
  socket.on('data', (chunk: Buffer) => messages.push(chunk));
  for (const query of queries) socket.write(frame(query));
  await promise;
  socket.destroy();
  return answers;
}
