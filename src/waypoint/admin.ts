// What operators and probes may ask of a waypoint.

import { decisionsRoute, loggingRoute } from '../dataplane/admin.ts';
import { certificateDump, serviceDump, workloadDump } from '../dataplane/config-dump.ts';
import { type AdminRoute, jsonRoute, readinessRoute } from '../runtime/admin-server.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { Readiness } from '../runtime/readiness.ts';
import type { Waypoint } from './waypoint.ts';

type Routes = Readonly<Record<string, AdminRoute>>;

export interface AdminParts {
  readonly waypoint: Waypoint;
  readonly readiness: Readiness;
  readonly registry: MetricsRegistry;
  readonly configVersion: () => string;
  readonly log: Logger;
  readonly quit: () => void;
}

/** For loopback. */
export function adminRoutes(parts: AdminParts): Routes {
  const { waypoint, configVersion, log, quit } = parts;
  return {
    '/decisions': decisionsRoute(waypoint.decisions),
    '/config_dump': jsonRoute(() => ({
      workloads: workloadDump(waypoint.state),
      services: serviceDump(waypoint.state),
      serviceConfigs: waypoint.table.configs(),
      certificates: certificateDump(waypoint.certificates),
      config: { configVersion: configVersion() },
    })),
    '/logging': loggingRoute(log),
    '/healthz': () => ({ status: 200, body: 'ok\n' }),
    '/quitquitquit': ({ method }) => {
      if (method !== 'POST') return { status: 405, body: 'use POST\n' };
      quit();
      return { status: 200, body: 'shutting down\n' };
    },
  };
}

/** For probes. */
export function probeRoutes({ readiness }: AdminParts): Routes {
  return { '/healthz/ready': readinessRoute(readiness) };
}

/** For scrapers. */
export function metricsRoutes({ registry }: AdminParts): Routes {
  const metrics: AdminRoute = async () => ({
    status: 200,
    body: await registry.text(),
    contentType: registry.contentType,
  });
  return { '/metrics': metrics, '/stats/prometheus': metrics };
}
