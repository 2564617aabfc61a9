// What operators and probes may ask of a waypoint.

import { decisionsRoute, loggingRoute, quitRoute } from '../dataplane/admin.ts';
import { certificateDump, serviceDump, workloadDump } from '../dataplane/config-dump.ts';
import {
  type AdminRoute,
  jsonRoute,
  metricsRoute,
  readinessRoute,
} from '../runtime/admin-server.ts';
import type { Clock } from '../runtime/clock.ts';
import { profileRoute } from '../runtime/cpu-profile.ts';
import { heapRoutes } from '../runtime/heap-profile.ts';
import type { LevelledLogger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { Readiness } from '../runtime/readiness.ts';
import type { Waypoint } from './waypoint.ts';

type Routes = Readonly<Record<string, AdminRoute>>;

export interface AdminParts {
  readonly waypoint: Waypoint;
  readonly readiness: Readiness;
  readonly registry: MetricsRegistry;
  readonly configVersion: () => string;
  readonly clock: Clock;
  readonly log: LevelledLogger;
  readonly quit: () => void;
}

/** For loopback. */
export function adminRoutes(parts: AdminParts): Routes {
  const { waypoint, configVersion, clock, log, quit } = parts;
  return {
    '/decisions': decisionsRoute(waypoint.decisions),
    '/config_dump': jsonRoute(() => ({
      workloads: workloadDump(waypoint.state),
      services: serviceDump(waypoint.state),
      serviceConfigs: waypoint.table.configs(),
      certificates: certificateDump(waypoint.certificates),
      // Without keys, as nothing that is shown has any.
      credentials: waypoint.credentials.summaries(),
      hosts: waypoint.hosts.dump(),
      destinations: waypoint.destinations.summaries(),
      revocationLists: waypoint.revocations.states(),
      config: { configVersion: configVersion() },
    })),
    '/logging': loggingRoute(log),
    '/healthz': () => ({ status: 200, body: 'ok\n' }),
    '/debug/pprof/profile': profileRoute(clock),
    ...heapRoutes(),
    '/quitquitquit': quitRoute(quit),
  };
}

/** For probes. */
export function probeRoutes({ readiness }: AdminParts): Routes {
  return { '/healthz/ready': readinessRoute(readiness) };
}

/** For scrapers. */
export function metricsRoutes({ registry }: AdminParts): Routes {
  const metrics = metricsRoute(registry);
  return { '/metrics': metrics, '/stats/prometheus': metrics };
}
