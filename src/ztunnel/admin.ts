// What operators may ask of the node proxy on its loopback port (protocol section 7.5).

import { decisionsRoute, loggingRoute, quitRoute } from '../dataplane/admin.ts';
import {
  certificateDump,
  policyDump,
  serviceDump,
  workloadDump,
} from '../dataplane/config-dump.ts';
import type { Subscription } from '../dataplane/subscription.ts';
import { type AdminRoute, jsonRoute } from '../runtime/admin-server.ts';
import type { Clock } from '../runtime/clock.ts';
import { profileRoute } from '../runtime/cpu-profile.ts';
import { heapRoutes } from '../runtime/heap-profile.ts';
import type { LevelledLogger } from '../runtime/log.ts';
import type { NodeProxy } from './node-proxy.ts';
import type { OpenConnection, Pod } from './proxy/proxy-parts.ts';
import type { ZtunnelSettings } from './settings.ts';

export interface AdminParts {
  readonly proxy: NodeProxy;
  readonly settings: ZtunnelSettings;
  readonly clock: Clock;
  readonly log: LevelledLogger;
  readonly subscription: Subscription;
  readonly quit: () => void;
}

/** The admin routes. */
export function adminRoutes(parts: AdminParts): Readonly<Record<string, AdminRoute>> {
  const { proxy, clock, log, quit } = parts;
  return {
    '/decisions': decisionsRoute(proxy.decisions),
    '/config_dump': jsonRoute(() => configDump(parts)),
    '/logging': loggingRoute(log),
    '/healthz': () => ({ status: 200, body: 'ok\n' }),
    '/debug/pprof/profile': profileRoute(clock),
    ...heapRoutes(),
    '/quitquitquit': quitRoute(quit),
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
    staticConfig: { workloads: [], services: [], policies: [] },
    version: { version: 'ambit', istioVersion: settings.ISTIO_META_ISTIO_VERSION },
    config: { ...settings, configVersion: subscription.configVersion },
    certificates: certificateDump(certificates),
    revocationLists: proxy.revocations.states(),
    workloadState: Object.fromEntries(
      pods.list().map(({ pod, state: podState }) => [
        pod.uid,
        {
          state: podState,
          connections: connectionsOf(proxy.open, pod),
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

/** What is open to and from a pod. */
function connectionsOf(open: Iterable<OpenConnection>, pod: Pod): object {
  const inbound: object[] = [];
  const outbound: object[] = [];
  for (const { facts } of open) {
    const { direction, source, destination, transport, hop } = facts;
    const own = direction === 'outbound' ? source : destination;
    if (own.workload !== pod.name || own.namespace !== pod.namespace) continue;
    const protocol = transport === 'plain' ? 'TCP' : 'HBONE';
    const src = source.address;
    if (direction === 'outbound') {
      const actualDst = hop?.address ?? destination.address;
      outbound.push({ src, originalDst: destination.address, actualDst, protocol });
    } else {
      const host = destination.service?.split('/')[1] ?? null;
      inbound.push({ src, originalDst: host, actualDst: destination.address, protocol });
    }
  }
  return { inbound, outbound };
}
