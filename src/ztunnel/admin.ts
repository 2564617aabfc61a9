// What operators may ask of the node proxy on its loopback port (protocol section 7.5), and what
// scrapers read.

import { decisionsRoute, loggingRoute } from '../dataplane/admin.ts';
import {
  certificateDump,
  policyDump,
  serviceDump,
  workloadDump,
} from '../dataplane/config-dump.ts';
import type { Subscription } from '../dataplane/subscription.ts';
import type { TrafficMetrics } from '../dataplane/traffic-metrics.ts';
import { type AdminRoute, jsonRoute } from '../runtime/admin-server.ts';
import type { Logger } from '../runtime/log.ts';
import type { MetricsRegistry } from '../runtime/metrics.ts';
import type { NodeProxy } from './node-proxy.ts';
import type { ZtunnelSettings } from './settings.ts';

export interface AdminParts {
  readonly proxy: NodeProxy;
  readonly settings: ZtunnelSettings;
  readonly log: Logger;
  readonly subscription: Subscription;
  readonly quit: () => void;
}

/** The admin routes. */
export function adminRoutes(parts: AdminParts): Readonly<Record<string, AdminRoute>> {
  const { proxy, log, quit } = parts;
  return {
    '/decisions': decisionsRoute(proxy.decisions),
    '/config_dump': jsonRoute(() => configDump(parts)),
    '/logging': loggingRoute(log),
    '/healthz': () => ({ status: 200, body: 'ok\n' }),
    '/quitquitquit': ({ method }) => {
      if (method !== 'POST') return { status: 405, body: 'use POST\n' };
      quit();
      return { status: 200, body: 'shutting down\n' };
    },
  };
}

/** Istio's shape, so that istioctl reads it (protocol section 7.6). */
function configDump({ proxy, settings, subscription }: AdminParts): object {
  const { state, certificates, pods } = proxy;
  return {
    workloads: workloadDump(state),
    services: serviceDump(state),
    policies: policyDump(state),
    stagedServices: {},
    staticConfig: {},
    version: { version: 'ambit' },
    config: { ...settings, configVersion: subscription.configVersion },
    certificates: certificateDump(certificates),
    workloadState: Object.fromEntries(
      pods.list().map(({ pod, state: podState, connections }) => [
        pod.uid,
        {
          state: podState,
          openConnections: connections,
          info: {
            name: pod.name,
            namespace: pod.namespace,
            serviceAccount: pod.serviceAccount,
          },
        },
      ]),
    ),
  };
}

/** Metrics in the text form, brought up to date first. */
export function metricsRoute(registry: MetricsRegistry, traffic: TrafficMetrics): AdminRoute {
  return async () => {
    traffic.flush();
    return { status: 200, body: await registry.text(), contentType: registry.contentType };
  };
}
