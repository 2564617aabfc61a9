// What probes, scrapers and operators ask of the controller over HTTP.

import {
  type AdminRoute,
  jsonRoute,
  metricsRoute,
  readinessRoute,
} from '../runtime/admin-server.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { Readiness } from '../runtime/readiness.ts';
import { ownVersion } from '../runtime/version.ts';
import type { XdsServer } from './publish/xds-server.ts';
import type { Translation } from './translate/snapshot.ts';

export interface AdminParts {
  readonly readiness: Readiness;
  readonly registry: MetricsRegistry;
  readonly xds: XdsServer;
  /** The translation in force, once there is one. */
  readonly translation: () => Translation | undefined;
  readonly leadership: () => Leadership;
  /** Kinds whose watch is interrupted. */
  readonly troubles: () => ReadonlyMap<string, string>;
}

/** Who writes to the API. */
export interface Leadership {
  /** This replica. */
  readonly identity: string;
  readonly leads: boolean;
  /** The replica that leads, as far as is known here; empty when none does. */
  readonly leader: string;
}

/** The routes of the readiness port. */
export function probeRoutes({ readiness }: AdminParts): Readonly<Record<string, AdminRoute>> {
  return { '/ready': readinessRoute(readiness) };
}

/** The routes of the monitoring port. */
export function monitoringRoutes(parts: AdminParts): Readonly<Record<string, AdminRoute>> {
  const { registry, xds, translation, leadership, troubles } = parts;
  return {
    ...probeRoutes(parts),
    '/metrics': metricsRoute(registry),
    '/version': () => ({ status: 200, body: `${ownVersion()}\n` }),
    // Everything that proxies are told, with the hash that decision records name.
    '/debug/config_dump': jsonRoute(() => {
      const { snapshot, findings = [] } = translation() ?? {};
      return plain({ version: xds.snapshot.hash, ...snapshot, findings });
    }),
    '/debug/leader': jsonRoute(() => leadership()),
    // Kinds that are not up to date, and why.
    '/debug/watches': jsonRoute(() => plain({ interrupted: troubles() })),
    '/debug/proxies': jsonRoute(() => ({ connected: xds.connected(), refusals: xds.refusals })),
  };
}

/** The same with maps as objects, as JSON has none. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
