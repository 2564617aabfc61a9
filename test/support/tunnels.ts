// Tunnel ends on loopback for tests.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { PeerCheck } from '../../src/dataplane/certificates/revocations.ts';
import type { WorkloadCertificate } from '../../src/dataplane/certificates/workload-certificate.ts';
import type { TunnelRequest, TunnelTarget } from '../../src/dataplane/tunnel/tunnel.ts';
import { TunnelPool } from '../../src/dataplane/tunnel/tunnel-client.ts';
import { TunnelServer } from '../../src/dataplane/tunnel/tunnel-server.ts';
import { type Endpoint, parseIp } from '../../src/mesh/address.ts';
import { type Identity, parseIdentity } from '../../src/mesh/identity.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { AmbitError } from '../../src/runtime/errors.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import type { TestAuthority } from './certificates.ts';

/** An identity of the test's trust domain. */
export function identity(account: string, trustDomain = 'cluster.local'): Identity {
  return parseIdentity(`spiffe://${trustDomain}/ns/default/sa/${account}`)!;
}

/** A listening tunnel server; connections can be seen and broken. */
export async function startTunnelServer(
  stack: AsyncDisposableStack,
  options: {
    readonly authority: Pick<TestAuthority, 'issue'>;
    readonly identity: Identity;
    /** For a server whose certificate changes; otherwise the authority issues one. */
    readonly certificate?: () => Promise<WorkloadCertificate>;
    readonly onRequest: (request: TunnelRequest) => void;
    readonly onRefusedPeer?: (error: AmbitError) => void;
    readonly check?: PeerCheck;
  },
): Promise<{ endpoint: Endpoint; server: TunnelServer; sockets: Socket[] }> {
  const { authority, onRequest, onRefusedPeer, check } = options;
  const issued = await authority.issue(options.identity);
  const server = new TunnelServer({
    certificate: options.certificate ?? (() => Promise.resolve(issued)),
    onRequest,
    ...(check && { check }),
    ...(onRefusedPeer && { onRefusedPeer: (_peer, _local, error) => onRefusedPeer(error) }),
    clock: systemClock,
    log: silentLogger,
  });
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.push(socket);
    server.accept(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stack.defer(() => void listener.close());
  stack.use(server);
  const { port } = listener.address() as AddressInfo;
  return { endpoint: { address: parseIp('127.0.0.1')!, port }, server, sockets };
}

/** A pool whose certificates come from an authority. */
export function startPool(
  stack: AsyncDisposableStack,
  authority: Pick<TestAuthority, 'issue'>,
  clock: Clock = systemClock,
  check?: PeerCheck,
): TunnelPool {
  return stack.use(
    new TunnelPool({
      certificate: (wanted) => authority.issue(wanted),
      ...(check && { check }),
      clock,
      log: silentLogger,
    }),
  );
}

/** A target on loopback. */
export function targetAt(
  peer: Endpoint,
  expected: readonly Identity[],
  changes: Partial<TunnelTarget> = {},
): TunnelTarget {
  return {
    sourceIdentity: identity('client'),
    expectedIdentities: expected,
    peer,
    authority: '10.0.0.1:80',
    headers: {},
    poolScope: 'pod-1',
    connect: dial,
    ...changes,
  };
}

/** A plain TCP connection. */
export async function dial(peer: Endpoint): Promise<Socket> {
  const socket = connect({
    host: peer.address,
    port: peer.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  await once(socket, 'connect');
  return socket;
}

/** Reads a stream to its end. */
export async function readAll(stream: {
  read(): Promise<Uint8Array | undefined>;
}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await stream.read(); chunk !== undefined; chunk = await stream.read()) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
