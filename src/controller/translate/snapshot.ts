// The outcome of one translation: everything that proxies are told, and what authors are told.

import type { Authorization } from '../../mesh/authorization.ts';
import type { ServiceConfig } from '../../mesh/route.ts';
import type { Service } from '../../mesh/service.ts';
import type { ServiceKey, Workload } from '../../mesh/workload.ts';
import type { AccessLogConfig } from './access-log-config.ts';
import type { Finding, StatusFields } from './finding.ts';
import type { RouteReport } from './gateway-parents.ts';
import type { ScopeRules } from './scope.ts';

/** What proxies are told. Maps are keyed by resource name. */
export interface Snapshot {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly services: ReadonlyMap<ServiceKey, Service>;
  /** By `NAMESPACE/NAME`. */
  readonly authorizations: ReadonlyMap<string, Authorization>;
  /** Per waypoint (`NAMESPACE/NAME`), the services it serves or routes to. */
  readonly serviceConfigs: ReadonlyMap<string, ReadonlyMap<ServiceKey, ServiceConfig>>;
  /** Labels of each workload, by uid; for subsets and source labels. */
  readonly workloadLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** A snapshot with its findings. */
export interface Translation {
  readonly snapshot: Snapshot;
  readonly findings: readonly Finding[];
  /** The form of the access logs of waypoints, where one is asked for. */
  readonly logging: { readonly accessLog?: AccessLogConfig };
  /** What to say of the parents of routes. */
  readonly routes: readonly RouteReport[];
  /** What of the cluster it was made from. */
  readonly scope: ScopeRules;
  /** What the status of each ServiceEntry should say of its addresses, where it does not. */
  readonly allocations: readonly StatusFields[];
}
