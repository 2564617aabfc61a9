// What is known when an endpoint is looked for.

import type { TrafficPolicy } from '../../mesh/destination.ts';
import type { RouteBackend } from '../../mesh/route.ts';
import type { Service } from '../../mesh/service.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';

/** For what an endpoint is wanted. */
export interface UpstreamQuery {
  readonly backend: RouteBackend | undefined;
  readonly connection: ClientConnection;
  readonly parts: PipelineParts;
  /** Absent for connections without HTTP. */
  readonly request?: {
    /** The request's host as the endpoint is to get it, with or without a port. */
    readonly authority: () => string;
    readonly isUpgrade: boolean;
  };
  readonly signal: AbortSignal;
}

/** A service that is wanted, and what is said of its connections. */
export interface Wanted {
  readonly service: Service;
  /** The service's port. */
  readonly port: number;
  readonly subset: string;
  /** Of the endpoints of the subset. */
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: TrafficPolicy;
}
