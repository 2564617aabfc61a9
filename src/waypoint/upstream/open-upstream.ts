// Opens a byte stream to an endpoint: by a tunnel in the waypoint's own name, or by plain TCP where the
// endpoint is not in the mesh (protocol section 3.8); in it, what the destination rules have a connection
// begin with.

import { connect, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ByteStream } from '../../dataplane/byte-stream.ts';
import { socketStream } from '../../dataplane/duplex-stream.ts';
import { type TunnelResult, type TunnelTarget, tunnelPort } from '../../dataplane/tunnel/tunnel.ts';
import { type Endpoint, formatEndpoint } from '../../mesh/address.ts';
import { type Identity, parseIdentity } from '../../mesh/identity.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import { AmbitError } from '../../runtime/errors.ts';
import type { ClientContexts } from '../tls/client-contexts.ts';
import { beginConnection, beginSecure, type RawConnection } from './begin-connection.ts';
import type { UpstreamEndpoint, UpstreamTls } from './endpoints.ts';
import type { Negotiated, ProtocolNegotiator } from './negotiate-protocol.ts';

/** As Istio's mesh-wide default. */
const connectTimeoutMs = 10_000;
const keepAliveMs = 180_000;
/** Where a rule asks for keepalive and does not say how often; as Linux. */
const keepAliveIntervalMs = 75_000;
const keepAliveProbes = 9;

/** Whom a stream is opened for. */
export interface UpstreamCaller {
  /** 32 hexadecimal digits, passed on. */
  readonly traceId: string;
  /** 16 hexadecimal digits, of this hop. */
  readonly spanId: string;
  readonly client: Endpoint;
}

/** Opens a stream to an endpoint; throws AmbitError with the code of the reason. */
export type OpenUpstream = (
  endpoint: UpstreamEndpoint,
  caller: UpstreamCaller,
  signal: AbortSignal,
) => Promise<ByteStream>;

/** Finds which of HTTP/2 and HTTP/1.1 an endpoint speaks over TLS. Rejects only with the signal's reason. */
export type NegotiateUpstream = (
  endpoint: UpstreamEndpoint,
  tls: UpstreamTls,
  caller: UpstreamCaller,
  signal: AbortSignal,
) => Promise<Negotiated>;

export interface UpstreamOptions {
  readonly identity: Identity;
  readonly tunnels: {
    open(target: TunnelTarget, options?: { signal?: AbortSignal }): Promise<TunnelResult>;
  };
  readonly contexts: ClientContexts;
  readonly negotiator: ProtocolNegotiator;
  /** The port on which endpoints accept tunnels; another one only in tests. */
  readonly endpointTunnelPort?: number;
}

/** Makes the opener of one waypoint. */
export function upstreamOpener(options: UpstreamOptions): OpenUpstream {
  return async (endpoint, caller, signal) => {
    const negotiated = endpoint.negotiated?.take();
    if (negotiated !== undefined) return negotiated;
    const raw = await connectRaw(endpoint, caller, options, signal);
    const { opening } = endpoint;
    if (opening === undefined) return raw instanceof Socket ? socketStream(raw) : raw;
    try {
      return await beginConnection(raw, opening, options.contexts, bounded(signal, endpoint));
    } catch (error) {
      raw.destroy();
      options.negotiator.forget(endpoint);
      throw explained(error, endpoint, signal);
    }
  };
}

/** Makes the negotiator of one waypoint. */
export function upstreamNegotiator(options: UpstreamOptions): NegotiateUpstream {
  return (endpoint, tls, caller, signal) => {
    const open = async (asked: UpstreamEndpoint): Promise<TLSSocket> => {
      const limit = AbortSignal.timeout(2 * timeoutFor(asked));
      const raw = await connectRaw(asked, caller, options, limit);
      const { opening = {} } = asked;
      try {
        const offered = opening.tls ?? tls;
        return await beginSecure(raw, opening, offered, options.contexts, bounded(limit, asked));
      } catch (error) {
        throw explained(error, asked, limit);
      }
    };
    return options.negotiator.negotiate(endpoint, tls, open, signal);
  };
}

function bounded(signal: AbortSignal, endpoint: UpstreamEndpoint): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutFor(endpoint))]);
}

function timeoutFor(endpoint: UpstreamEndpoint): number {
  return endpoint.connectTimeoutMs ?? connectTimeoutMs;
}

/** A failure with its code; one that is only that the time has passed has none of its own. */
function explained(error: unknown, endpoint: UpstreamEndpoint, signal: AbortSignal): unknown {
  if (error instanceof AmbitError || signal.aborted) return error;
  const what = `no connection was made with ${formatEndpoint(endpoint)} in time`;
  return new AmbitError('AMB1410', what, { cause: error });
}

async function connectRaw(
  endpoint: UpstreamEndpoint,
  caller: UpstreamCaller,
  options: UpstreamOptions,
  signal: AbortSignal,
): Promise<RawConnection> {
  if (endpoint.workload.tunnelProtocol !== 'hbone') return await connectPlain(endpoint, signal);
  const target = tunnelTarget(endpoint, caller, options);
  const result = await openTunnel(target, endpoint, options, signal);
  if (result.kind === 'open') return result.stream;
  const decision = result.headers.get('ambit-decision');
  const detail = decision === undefined ? '' : ` (its decision: ${decision})`;
  const what = `${formatEndpoint(endpoint)} answered the tunnel with ${result.status}${detail}`;
  throw new AmbitError('AMB1507', what);
}

/** The tunnel may be open already, so its own time to connect is not all. */
async function openTunnel(
  target: TunnelTarget,
  endpoint: UpstreamEndpoint,
  { tunnels }: UpstreamOptions,
  signal: AbortSignal,
): Promise<TunnelResult> {
  if (endpoint.connectTimeoutMs === undefined) return await tunnels.open(target, { signal });
  try {
    return await tunnels.open(target, { signal: bounded(signal, endpoint) });
  } catch (error) {
    throw explained(error, endpoint, signal);
  }
}

function tunnelTarget(
  endpoint: UpstreamEndpoint,
  caller: UpstreamCaller,
  options: UpstreamOptions,
): TunnelTarget {
  const { workload, service, address } = endpoint;
  const sans = (service?.subjectAltNames ?? [])
    .map(parseIdentity)
    .filter((identity) => identity !== undefined);
  const host = service === undefined ? '' : `;host=${service.hostname}`;
  return {
    sourceIdentity: options.identity,
    expectedIdentities: [identityOfWorkload(workload), ...sans],
    peer: { address, port: options.endpointTunnelPort ?? tunnelPort },
    authority: formatEndpoint(endpoint),
    headers: {
      forwarded: `for="${formatEndpoint(caller.client)}"${host}`,
      traceparent: `00-${caller.traceId}-${caller.spanId}-00`,
    },
    poolScope: 'waypoint',
    connect: (peer) => connectTcp(peer, AbortSignal.timeout(timeoutFor(endpoint))),
  };
}

async function connectPlain(endpoint: UpstreamEndpoint, signal: AbortSignal): Promise<Socket> {
  const limit = bounded(signal, endpoint);
  try {
    return await connectTcp(endpoint, limit, endpoint.keepalive);
  } catch (error) {
    const code = limit.aborted ? 'AMB1410' : 'AMB1409';
    throw new AmbitError(code, `cannot connect to ${formatEndpoint(endpoint)}`, { cause: error });
  }
}

function connectTcp(
  peer: Endpoint,
  signal: AbortSignal,
  keepalive?: UpstreamEndpoint['keepalive'],
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: peer.address,
      port: peer.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepalive?.timeMs ?? keepAliveMs,
    });
    const onAbort = (): void => {
      socket.destroy();
      reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
    };
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    socket.once('connect', () => {
      settle();
      socket.off('error', reject);
      if (keepalive !== undefined) {
        const { timeMs, intervalMs, probes } = keepalive;
        // Node before 26.4 leaves the last two to the system.
        socket.setKeepAlive(
          true,
          timeMs ?? keepAliveMs,
          intervalMs ?? keepAliveIntervalMs,
          probes ?? keepAliveProbes,
        );
      }
      resolve(socket);
    });
    socket.once('error', (error) => {
      settle();
      reject(error);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
