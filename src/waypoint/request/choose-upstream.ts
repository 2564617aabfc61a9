// The endpoint of one attempt: the backend's service and port, its subset, and one of the endpoints
// that fit, by the load-balancing rule of the service's destination rules.

import type { Code } from '../../mesh/catalogue.ts';
import { findSubset, noLabels } from '../../mesh/choose-backend.ts';
import { addressOf } from '../../mesh/choose-endpoint.ts';
import { policyFor, type Subset } from '../../mesh/destination.ts';
import type { RouteBackend } from '../../mesh/route.ts';
import { keyOfService, type Service, type ServicePort } from '../../mesh/service.ts';
import type { RequestHash } from '../balance/request-hash.ts';
import type { RequestSession } from '../balance/request-session.ts';
import { backendPort, type UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';

/** Where a request can go. */
export type UpstreamChoice =
  | {
      readonly kind: 'endpoint';
      readonly endpoint: UpstreamEndpoint;
      readonly appProtocol: ServicePort['appProtocol'];
      /** What is to be said of the choice. */
      readonly note?: string;
    }
  | { readonly kind: 'none'; readonly code: Code; readonly reason: string; readonly flag: string };

/** What one attempt is chosen by. */
export interface AttemptFacts {
  /** Workloads that are left out. */
  readonly ejected: ReadonlySet<string>;
  /** Workloads that are chosen only when there is no other. */
  readonly avoid: ReadonlySet<string>;
  /** Workloads whose place is not chosen when there is another. */
  readonly leave: ReadonlySet<string>;
  readonly hash: Pick<RequestHash, 'by'>;
  /** Absent for what belongs to no session. */
  readonly session?: Pick<RequestSession, 'mark'>;
}

/** Of an attempt that has none before it. */
export const firstAttempt: Pick<AttemptFacts, 'avoid' | 'leave'> = {
  avoid: new Set(),
  leave: new Set(),
};

/** Chooses an endpoint for a backend. */
export function chooseUpstream(
  backend: RouteBackend | undefined,
  connection: ClientConnection,
  parts: PipelineParts,
  facts: AttemptFacts,
): UpstreamChoice {
  const { target } = connection;
  const { table } = parts;
  if (target.kind === 'workload' && (backend === undefined || backend.service === target.rules)) {
    const { workload, destination } = target;
    return { kind: 'endpoint', endpoint: { workload, ...destination }, appProtocol: 'unknown' };
  }
  const service = serviceOf(backend, connection, parts);
  if (service === undefined) {
    const reason = `the backend ${backend?.service} is not known`;
    return { kind: 'none', code: 'AMB1704', reason, flag: 'NC' };
  }
  const rules = table.get(keyOfService(service))?.destination;
  const subset = backend?.subset === undefined ? undefined : findSubset(rules, backend.subset);
  if (backend?.subset !== undefined && subset === undefined) {
    const reason = `${service.hostname} has no subset ${backend.subset}`;
    return { kind: 'none', code: 'AMB1705', reason, flag: 'NC' };
  }
  const servicePort = backendPort(service, backend?.port, target.destination.port);
  const { loadBalancer } = policyFor(rules, subset, servicePort);
  const destination = {
    service,
    port: servicePort,
    subset: subset?.name ?? '',
    labels: subset?.labels ?? noLabels,
    balancer: loadBalancer,
  };
  const found = parts.balancers.at(destination, parts);
  if (found.kind === 'none') return noEndpoint(found, subset);
  const hash = facts.hash.by(loadBalancer?.consistentHash);
  const { random, activity } = parts;
  const active = (uid: string): number => activity.active(uid);
  const choice = found.set.choose({ ...facts, hash, random, active, session: facts.session?.mark });
  if (choice === undefined) {
    const reason = `none of ${found.set.size} endpoints of ${service.hostname} may be used`;
    return noEndpoint({ code: 'AMB1405', reason }, subset);
  }
  const { note } = choice;
  const { workload, targetPort } = choice.candidate;
  const address = addressOf(service, workload, target.destination.address);
  if (workload.network !== parts.network) {
    const reason = `${workload.name} is on the network ${workload.network}`;
    return { kind: 'none', code: 'AMB1413', reason, flag: 'UH' };
  }
  if (address === undefined) {
    const reason = `${workload.name} has no address`;
    return { kind: 'none', code: 'AMB1417', reason, flag: 'UH' };
  }
  const cluster = `outbound|${servicePort}|${subset?.name ?? ''}|${service.hostname}`;
  const endpoint = { workload, address, port: targetPort, service, cluster };
  const port = service.ports.find((one) => one.servicePort === servicePort);
  const appProtocol = port?.appProtocol ?? 'unknown';
  return { kind: 'endpoint', endpoint, appProtocol, ...(note !== undefined && { note }) };
}

function noEndpoint(
  { code, reason }: { readonly code: Code; readonly reason: string },
  subset: Subset | undefined,
): UpstreamChoice {
  const which = subset === undefined ? '' : ` in subset ${subset.name}`;
  const own = code === 'AMB1405' ? 'AMB1703' : code;
  return { kind: 'none', code: own, reason: `${reason}${which}`, flag: 'UH' };
}

function serviceOf(
  backend: RouteBackend | undefined,
  { target }: ClientConnection,
  { mesh }: PipelineParts,
): Service | undefined {
  if (backend !== undefined && backend.service !== target.rules) {
    return mesh.serviceByKey(backend.service);
  }
  return target.kind === 'service' ? target.service : undefined;
}
