// One place that a request can go to, and what a connection there begins with.

import type { Endpoint, IpAddress } from '../../mesh/address.ts';
import type { ClientTls, ConnectionPool, TrafficPolicy } from '../../mesh/destination.ts';
import type { MeshView } from '../../mesh/mesh-view.ts';
import { keyOfService, type Service } from '../../mesh/service.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { NegotiatedStream } from './negotiated-stream.ts';

/** What the waypoint asks of the mesh's state. */
export interface WaypointMeshView extends MeshView {
  /** Preferably the one in the namespace. */
  serviceByHostname(hostname: string, namespace?: string): Service | undefined;
  /** Whose an address within the mesh is, in words: a pod's, a machine's or a node's. */
  ownerOfAddress(network: string, address: IpAddress): string | undefined;
}

/** TLS that a connection begins with. */
export interface UpstreamTls {
  readonly settings: ClientTls;
  /** SNI; absent where the server is known by an address only. */
  readonly serverName?: string;
  /** The server must prove one of these: DNS names, URIs or addresses. */
  readonly names: readonly string[];
  /** Protocols that are offered, the preferred one first; none for bytes of any kind. */
  readonly alpn: readonly string[];
}

/** What comes before the application's bytes on a new connection, in this order. */
export interface Opening {
  readonly proxyHeader?: {
    readonly version: 'V1' | 'V2';
    readonly source: Endpoint;
    readonly destination: Endpoint;
  };
  readonly tls?: UpstreamTls;
  readonly tunnel?: NonNullable<TrafficPolicy['tunnel']>;
}

export interface UpstreamEndpoint {
  readonly workload: Workload;
  readonly address: IpAddress;
  readonly port: number;
  /** The service it was chosen for. */
  readonly service?: Service;
  /** As logs and spans name it: `outbound|PORT|SUBSET|HOST`. */
  readonly cluster?: string;
  readonly opening?: Opening;
  /** Other addresses of the same host: connections are opened to all, and the first one counts. */
  readonly alternatives?: readonly IpAddress[];
  /** Milliseconds; the mesh's default when absent. */
  readonly connectTimeoutMs?: number;
  /** Of connections by TCP; tunnels have their own. */
  readonly keepalive?: ConnectionPool['keepalive'];
  /** A stream that was opened to find the protocol; the first connection to the endpoint is this one. */
  readonly negotiated?: NegotiatedStream;
}

/** The port of a backend: the one it names, the only one of the service, or that of the request. */
export function backendPort(service: Service, named: number | undefined, asked: number): number {
  const [only] = service.ports;
  if (named !== undefined) return named;
  return service.ports.length === 1 && only !== undefined ? only.servicePort : asked;
}

/** What tells endpoints apart: two services may share a pod and a port, and connections that began
 * differently are not alike. */
export function keyOfEndpoint(endpoint: UpstreamEndpoint): string {
  const { workload, address, port, service, opening } = endpoint;
  const key = service === undefined ? '' : keyOfService(service);
  const begun = opening === undefined ? '' : ` ${JSON.stringify(opening)}`;
  return `${workload.uid} ${address} ${port} ${key}${begun}`;
}

const addressMark = ' at ';

/** The uid of the endpoint that one address of a named workload is. */
export function resolvedUid(uid: string, address: IpAddress): string {
  return `${uid}${addressMark}${address}`;
}

/** The uid of the workload that an endpoint was made from. */
export function declaredUid(uid: string): string {
  const mark = uid.lastIndexOf(addressMark);
  return mark === -1 ? uid : uid.slice(0, mark);
}
