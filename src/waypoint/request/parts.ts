// What the request pipeline works with: its owner's parts, and the client connection a request came on.

import type { Endpoint } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import type { DecisionRecord } from '../../mesh/decision.ts';
import type { Identity } from '../../mesh/identity.ts';
import type { SourceFacts } from '../../mesh/request-facts.ts';
import type { Service, ServicePort } from '../../mesh/service.ts';
import type { ServiceKey, Workload } from '../../mesh/workload.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import type { RequestTracer } from '../../runtime/tracing.ts';
import type { Balancers } from '../balance/balancers.ts';
import type { Destinations } from '../destinations/destinations.ts';
import type { HostTable } from '../dns/host-table.ts';
import type { ServiceTable } from '../state/service-table.ts';
import type { UpstreamEndpoint, WaypointMeshView } from '../upstream/endpoints.ts';
import type { NegotiateUpstream, OpenUpstream } from '../upstream/open-upstream.ts';
import type { UpstreamPool } from '../upstream/upstream-pool.ts';
import type { MessageCounts } from './grpc-messages.ts';
import type { MirrorTraffic } from './mirror-traffic.ts';

/** What a connection asked for. */
export type Target =
  | {
      readonly kind: 'service';
      readonly destination: Endpoint;
      readonly service: Service;
      readonly port: ServicePort;
      /** Whose configuration applies. */
      readonly rules: ServiceKey;
    }
  | {
      readonly kind: 'workload';
      readonly destination: Endpoint;
      readonly workload: Workload;
      readonly rules: ServiceKey;
    };

/** One connection of a client, as it came through the tunnel. */
export interface ClientConnection {
  readonly peer: Endpoint;
  readonly identity: Identity;
  readonly source: SourceFacts;
  readonly sourceWorkload?: Workload;
  readonly target: Target;
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  readonly upstreams: UpstreamPool;
}

/** A decision with what metrics need beside it. */
export interface Decided {
  readonly record: DecisionRecord;
  readonly connection: ClientConnection;
  readonly endpoint?: UpstreamEndpoint;
  /** The service that the endpoint was chosen for. */
  readonly service?: Service;
  /** Envoy's short flag; `-` for none. */
  readonly responseFlag: string;
  readonly protocol: 'http' | 'grpc' | 'tcp';
  readonly grpcStatus?: string;
  /** Messages of a gRPC call. */
  readonly messages?: MessageCounts;
}

/** Counts one connection without HTTP while it lasts. */
export interface RelayMeter {
  /** From the client's point of view. */
  sent(count: number): void;
  received(count: number): void;
  /** The end, with Envoy's short flag. */
  close(flag: string): void;
}

/** Everything that lives as long as the waypoint. */
export interface PipelineParts {
  readonly mesh: WaypointMeshView;
  readonly table: ServiceTable;
  readonly open: OpenUpstream;
  readonly negotiate: NegotiateUpstream;
  /** The addresses of endpoints that have a name only. */
  readonly hosts: Pick<HostTable, 'addressesOf'>;
  readonly network: string;
  /** `waypoint/NAMESPACE/NAME`. */
  readonly by: string;
  readonly configVersion: () => string;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Random hexadecimal digits. */
  readonly hex: (digits: number) => string;
  readonly decided: (decided: Decided) => void;
  /** Counts a connection without HTTP that has its way to an endpoint. */
  readonly relayed: (
    relayed: Required<Pick<Decided, 'connection' | 'endpoint'>> & Pick<Decided, 'service'>,
  ) => RelayMeter;
  /** Takes the record of a connection that asked for nothing known. */
  readonly undecided: (record: DecisionRecord) => void;
  /** Counts a tunnel request that was refused. */
  readonly refused: (code: Code) => void;
  readonly activity: Activity;
  readonly balancers: Balancers;
  readonly destinations: Destinations;
  readonly mirrors: {
    readonly traffic: MirrorTraffic;
    /** Ends those under way. */
    readonly ended: AbortSignal;
  };
  /** Absent when nobody asked for spans. */
  readonly tracer?: RequestTracer;
  readonly log: Logger;
}

/** What is under way of workloads, which load balancing goes by; bounded by what is under way. */
export class Activity {
  readonly #active = new Map<string, number>();

  /** How many requests, or connections without HTTP, a workload has now. */
  active(uid: string): number {
    return this.#active.get(uid) ?? 0;
  }

  /** Counts one in; disposing counts it out. */
  enter(uid: string): Disposable {
    this.#active.set(uid, this.active(uid) + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.active(uid) - 1;
        if (left > 0) this.#active.set(uid, left);
        else this.#active.delete(uid);
      },
    };
  }
}
