// What operators and probes may ask a waypoint.

import type { CertificateStore } from '../dataplane/certificates/certificate-store.ts';
import type { DecisionFilter, DecisionLog } from '../dataplane/decisions.ts';
import { type AdminRoute, jsonRoute, readinessRoute } from '../runtime/admin-server.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { Readiness } from '../runtime/readiness.ts';
import type { ServiceTable } from './state/service-table.ts';

type Routes = Readonly<Record<string, AdminRoute>>;

export interface AdminSources {
  readonly decisions: DecisionLog;
  readonly certificates: CertificateStore;
  readonly table: ServiceTable;
  readonly readiness: Readiness;
  readonly registry: MetricsRegistry;
  readonly configVersion: () => string;
  readonly quit: () => void;
}

/** For 127.0.0.1:15000. */
export function adminRoutes(sources: AdminSources): Routes {
  const { decisions, certificates, table, readiness, configVersion, quit } = sources;
  return {
    '/decisions': jsonRoute(({ query }) => ({ records: decisions.find(filterIn(query)) })),
    '/config_dump': jsonRoute(() => ({
      configVersion: configVersion(),
      services: table.configs(),
      certificates: certificates.states().map(({ identity, certificate, failure }) => ({
        identity,
        expires:
          certificate === undefined ? undefined : new Date(certificate.notAfterMs).toISOString(),
        failure: failure?.message,
      })),
    })),
    '/healthz': readinessRoute(readiness),
    '/quitquitquit': ({ method }) => {
      if (method !== 'POST') return { status: 405, body: 'use POST\n' };
      quit();
      return { status: 200, body: 'shutting down\n' };
    },
  };
}

/** For the probes on 15021. */
export function probeRoutes({ readiness }: AdminSources): Routes {
  return { '/healthz/ready': readinessRoute(readiness) };
}

/** For scrapers on 15020. */
export function metricsRoutes({ registry }: AdminSources): Routes {
  const metrics: AdminRoute = async () => ({
    status: 200,
    body: await registry.text(),
    contentType: registry.contentType,
  });
  return { '/metrics': metrics, '/stats/prometheus': metrics };
}

function filterIn(query: URLSearchParams): DecisionFilter {
  const id = query.get('id');
  const source = query.get('source');
  const destination = query.get('destination');
  const limit = Number(query.get('limit') ?? Number.NaN);
  return {
    ...(id === null ? {} : { id }),
    ...(source === null ? {} : { source }),
    ...(destination === null ? {} : { destination }),
    ...(Number.isInteger(limit) && limit > 0 ? { limit } : {}),
  };
}
