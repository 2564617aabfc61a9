// A waypoint's front on loopback, with a client tunnel before it and an endpoint's tunnel behind it.

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ByteStream } from '../../src/dataplane/byte-stream.ts';
import type { HostLookup } from '../../src/dataplane/dns/look-up-host.ts';
import { socketStream, toDuplex } from '../../src/dataplane/duplex-stream.ts';
import { splice } from '../../src/dataplane/splice.ts';
import { refusalMetric } from '../../src/dataplane/tunnel/refusal-metric.ts';
import type { TunnelRequest } from '../../src/dataplane/tunnel/tunnel.ts';
import type { TunnelPool } from '../../src/dataplane/tunnel/tunnel-client.ts';
import { type Endpoint, type IpAddress, splitHostPort } from '../../src/mesh/address.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import type { ServiceEndpoint } from '../../src/mesh/mesh-view.ts';
import type { Mirror, ServiceConfig } from '../../src/mesh/route.ts';
import { keyOfService, type Service, type ServicePort } from '../../src/mesh/service.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { createRegistry, type MetricsRegistry } from '../../src/runtime/metrics.ts';
import type { RequestTracer } from '../../src/runtime/tracing.ts';
import { Balancers } from '../../src/waypoint/balance/balancers.ts';
import { destinationMetrics, gaugeDestinations } from '../../src/waypoint/destination-metrics.ts';
import { Destinations } from '../../src/waypoint/destinations/destinations.ts';
import { HostTable } from '../../src/waypoint/dns/host-table.ts';
import { Front } from '../../src/waypoint/front/front.ts';
import { compileRegex } from '../../src/waypoint/regex.ts';
import { type MirrorOutcome, MirrorTraffic } from '../../src/waypoint/request/mirror-traffic.ts';
import { Activity, type Decided } from '../../src/waypoint/request/parts.ts';
import { requestMetrics } from '../../src/waypoint/request-metrics.ts';
import { ServiceTable } from '../../src/waypoint/state/service-table.ts';
import { ClientContexts } from '../../src/waypoint/tls/client-contexts.ts';
import { CredentialTable } from '../../src/waypoint/tls/credential-table.ts';
import type { WaypointMeshView } from '../../src/waypoint/upstream/endpoints.ts';
import { ProtocolNegotiator } from '../../src/waypoint/upstream/negotiate-protocol.ts';
import { upstreamNegotiator, upstreamOpener } from '../../src/waypoint/upstream/open-upstream.ts';
import { TestAuthority } from '../support/certificates.ts';
import { dial, identity, startPool, startTunnelServer, targetAt } from '../support/tunnels.ts';

export const virtualAddress = '10.96.0.20';
const waypointHost = 'waypoint.default.svc.cluster.local';
export const servicePort = 9080;
export const traceId = '0af7651916cd43dd8448eb211c80319c';

/** A workload on loopback; `port` tells it from others. */
export function workloadAt(name: string, changes: Partial<Workload> = {}): Workload {
  return {
    uid: `Kubernetes//Pod/default/${name}`,
    name,
    namespace: 'default',
    addresses: ['127.0.0.1' as IpAddress],
    hostname: '',
    network: '',
    tunnelProtocol: 'hbone',
    trustDomain: 'cluster.local',
    serviceAccount: 'reviews',
    node: 'node1',
    canonicalName: 'reviews',
    canonicalRevision: 'v1',
    workloadType: 'deployment',
    workloadName: name,
    nativeTunnel: false,
    authorizationPolicies: [],
    status: 'healthy',
    clusterId: 'Kubernetes',
    services: new Map(),
    locality: { region: '', zone: '', subzone: '' },
    networkMode: 'standard',
    capacity: 1,
    ...changes,
  };
}

/** A service with one port and the virtual address of these tests. */
export function serviceOf(
  name: string,
  appProtocol: ServicePort['appProtocol'] = 'http11',
  address = virtualAddress,
): Service {
  return {
    name,
    namespace: 'default',
    hostname: `${name}.default.svc.cluster.local`,
    addresses: [{ network: '', address: address as IpAddress }],
    ports: [{ servicePort, targetPort: 0, appProtocol }],
    subjectAltNames: [],
    waypoint: {
      destination: { kind: 'hostname', namespace: 'default', hostname: waypointHost },
      hbonePort: 15008,
    },
    weightedWaypoints: [],
    ipFamilies: 'automatic',
    canonical: true,
    ingressUseWaypoint: false,
    visibility: 'public',
  };
}

export interface WaypointUnderTest {
  readonly records: DecisionRecord[];
  readonly decided: Decided[];
  readonly registry: MetricsRegistry;
  readonly table: ServiceTable;
  readonly mesh: FakeMesh;
  readonly destinations: Destinations;
  readonly credentials: CredentialTable;
  /** Of the mesh's own certificates. */
  readonly authority: TestAuthority;
  readonly endpoint: Endpoint;
  readonly pool: TunnelPool;
  /** Tunnel requests that the endpoint's side got. */
  readonly arrived: TunnelRequest[];
  /** How each of them ended; no error when both sides finished. */
  readonly ends: Promise<Error | undefined>[];
  /** Opens a client connection through the waypoint. */
  open(options?: { readonly authority?: string; readonly account?: string }): Promise<ByteStream>;
  /** Opens the tunnel request only. */
  connect(authority: string): ReturnType<TunnelPool['open']>;
  configure(config: Omit<ServiceConfig, 'policies'> & Partial<ServiceConfig>): void;
  /** The next record that has not been asked for; waits for it. */
  nextRecord(signal: AbortSignal): Promise<DecisionRecord>;
}

/** Services and endpoints, as tests set them. */
export class FakeMesh implements WaypointMeshView {
  readonly services: Service[] = [];
  readonly endpoints = new Map<string, ServiceEndpoint[]>();
  readonly workloads = new Map<string, Workload>();
  /** Whose addresses within the mesh are. */
  readonly owners = new Map<string, string>();
  /** The waypoint's own workload. */
  own: Workload | undefined;
  /** When workloads came, by the monotonic clock. */
  readonly arrivals = new Map<string, number>();
  /** Addresses of nodes. */
  readonly nodes = new Set<string>();

  workloadByAddress(_network: string, address: IpAddress): Workload | undefined {
    return this.workloads.get(address);
  }

  serviceByAddress(_network: string, address: IpAddress): Service | undefined {
    return this.services.find((one) => one.addresses.some((own) => own.address === address));
  }

  serviceByHostname(hostname: string): Service | undefined {
    return this.services.find((one) => one.hostname === hostname);
  }

  serviceByKey(key: string): Service | undefined {
    return this.services.find((one) => keyOfService(one) === key);
  }

  endpointsOf(key: string): readonly ServiceEndpoint[] {
    return this.endpoints.get(key) ?? [];
  }

  ownerOfAddress(_network: string, address: IpAddress): string | undefined {
    return this.owners.get(address);
  }

  /** Adds an endpoint of a service that listens on a port. */
  add(service: Service, workload: Workload, targetPort: number): void {
    const key = keyOfService(service);
    const ports = [{ servicePort, targetPort }];
    this.endpoints.set(key, [...(this.endpoints.get(key) ?? []), { workload, ports }]);
  }
}

/** Starts everything; disposed with the stack. */
export async function startWaypoint(
  stack: AsyncDisposableStack,
  options: {
    readonly clock?: Clock;
    readonly random?: () => number;
    readonly tracer?: RequestTracer;
    readonly mirrored?: (outcome: MirrorOutcome, mirror: Mirror) => void;
    readonly nameServers?: HostLookup['nameServers'];
    /** PEM; none by default. */
    readonly systemAuthorities?: readonly string[];
  } = {},
): Promise<WaypointUnderTest> {
  const { clock = systemClock, random = Math.random, tracer, mirrored } = options;
  const ending = new AbortController();
  stack.defer(() => ending.abort(new Error('the test is over')));
  const authority = new TestAuthority();
  const own = identity('waypoint');
  const arrived: TunnelRequest[] = [];
  const ends: Promise<Error | undefined>[] = [];
  const behind = await startTunnelServer(stack, {
    authority,
    identity: identity('reviews'),
    onRequest: (request) => {
      arrived.push(request);
      ends.push(carry(request));
    },
  });
  const mesh = new FakeMesh();
  const table = new ServiceTable({ compileRegex, log: silentLogger });
  const records: DecisionRecord[] = [];
  const decided: Decided[] = [];
  const registry = createRegistry();
  const metrics = requestMetrics(registry);
  const refusals = refusalMetric(registry);
  const waiting: (() => void)[] = [];
  const keep = (record: DecisionRecord): void => {
    records.push(record);
    for (const wake of waiting.splice(0)) wake();
  };
  let next = 0;
  const credentials = new CredentialTable();
  const upstreams = {
    identity: own,
    tunnels: startPool(stack, authority),
    endpointTunnelPort: behind.endpoint.port,
    contexts: new ClientContexts({
      credentials,
      own: () => authority.issue(own),
      systemAuthorities: () => options.systemAuthorities ?? [],
    }),
    negotiator: new ProtocolNegotiator(clock),
  };
  const { nameServers = () => Promise.resolve([]) } = options;
  const hosts = stack.use(
    new HostTable({ lookup: { nameServers, ipv6: true }, clock, log: silentLogger }),
  );
  const destinations = stack.use(
    new Destinations({ clock, watch: destinationMetrics(registry), log: silentLogger }),
  );
  gaugeDestinations(registry, destinations);
  const front = new Front({
    mesh,
    table,
    open: upstreamOpener(upstreams),
    negotiate: upstreamNegotiator(upstreams),
    hosts,
    network: '',
    by: 'waypoint/default/waypoint',
    configVersion: () => 'c0ffee',
    clock,
    random,
    hex: (digits) => (next++).toString(16).padStart(digits, '0'),
    decided: (one) => {
      metrics.decided(one);
      decided.push(one);
      keep(one.record);
    },
    relayed: metrics.relayed,
    undecided: keep,
    refused: (code) => refusals.add({ code }),
    activity: new Activity(),
    balancers: new Balancers({
      network: '',
      clock,
      own: () => mesh.own,
      arrivedAt: (uid) => mesh.arrivals.get(uid),
    }),
    destinations,
    mirrors: { traffic: new MirrorTraffic(mirrored), ended: ending.signal },
    ...(tracer && { tracer }),
    log: silentLogger,
    ownService: `default/${waypointHost}`,
  });
  stack.use(front);
  const { endpoint } = await startTunnelServer(stack, {
    authority,
    identity: own,
    onRequest: (request) => front.onRequest(request),
  });
  const pool = startPool(stack, authority);
  const connectTo: WaypointUnderTest['connect'] = (name) => openTo(name, 'client');
  const openTo = (name: string, account: string) =>
    pool.open(
      targetAt(endpoint, [own], {
        sourceIdentity: identity(account),
        authority: name,
        headers: { traceparent: `00-${traceId}-b7ad6b7169203331-00` },
      }),
    );
  let taken = 0;
  return {
    records,
    decided,
    registry,
    table,
    mesh,
    destinations,
    credentials,
    authority,
    endpoint,
    pool,
    arrived,
    ends,
    connect: connectTo,
    async open({ authority: name = `${virtualAddress}:${servicePort}`, account = 'client' } = {}) {
      const result = await openTo(name, account);
      if (result.kind === 'refused') throw new Error(`refused with ${result.status}`);
      stack.defer(() => result.stream.destroy());
      return result.stream;
    },
    configure(config) {
      const whole: ServiceConfig = { policies: [], ...config };
      table.applyServices({ updated: new Map([[whole.service, whole]]), removed: [] });
    },
    async nextRecord(signal) {
      for (;;) {
        const record = records[taken];
        if (record !== undefined) {
          taken++;
          return record;
        }
        signal.throwIfAborted();
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
  };
}

/** What a node proxy does: connects to the authority and copies. */
async function carry(request: TunnelRequest): Promise<Error | undefined> {
  const split = splitHostPort(request.authority)!;
  try {
    const socket = await dial({ address: split.host as IpAddress, port: split.port });
    return (await splice(request.accept(), socketStream(socket))).error;
  } catch (error) {
    request.refuse(503, { 'ambit-decision': 'feedfeedfeedfeed AMB1409' });
    return error as Error;
  }
}

/** An HTTP/1.1 application. */
export async function startApp(
  stack: AsyncDisposableStack,
  listener: RequestListener,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly trailers: IncomingMessage['trailers'];
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Uint8Array;
}

/** One HTTP/1.1 request on a stream, which ends with it. */
export async function ask(stream: ByteStream, asked: Asked = {}): Promise<Answer> {
  const duplex = toDuplex(stream);
  const request = httpRequest({
    createConnection: () => duplex as never,
    method: asked.method ?? 'GET',
    path: asked.path ?? '/',
    headers: { host: 'reviews:9080', connection: 'close', ...asked.headers },
  });
  // The stream may be closed once the answer is there.
  request.on('error', () => undefined);
  request.end(asked.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return await readAnswer(response);
}

/** Reads a response to its end. */
export async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers, trailers } = response;
  return { status: statusCode, headers, trailers, body: Buffer.concat(chunks) };
}
