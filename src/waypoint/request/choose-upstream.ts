// The endpoint of one attempt: the backend's service and port, its subset, and one of the endpoints
// that fit, by the load-balancing rule of the service's destination rules.

import { balanceEndpoints } from '../../mesh/balance-endpoints.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { findSubset, hasLabels } from '../../mesh/choose-backend.ts';
import { policyFor } from '../../mesh/destination.ts';
import type { RouteBackend } from '../../mesh/route.ts';
import { keyOfService, type Service, type ServicePort } from '../../mesh/service.ts';
import { backendPort, type UpstreamEndpoint } from '../upstream/endpoints.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';

/** Where a request can go. */
export type UpstreamChoice =
  | {
      readonly kind: 'endpoint';
      readonly endpoint: UpstreamEndpoint;
      readonly appProtocol: ServicePort['appProtocol'];
    }
  | { readonly kind: 'none'; readonly code: Code; readonly reason: string; readonly flag: string };

/** Chooses an endpoint for a backend; workloads in `avoid` only when there is no other, ejected ones never. */
export function chooseUpstream(
  backend: RouteBackend | undefined,
  connection: ClientConnection,
  parts: PipelineParts,
  avoid: ReadonlySet<string>,
  ejected: (uid: string) => boolean = () => false,
): UpstreamChoice {
  const { target } = connection;
  const { mesh, table } = parts;
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
  const key = keyOfService(service);
  const wanted = subset?.labels ?? {};
  const endpoints = mesh
    .endpointsOf(key)
    .filter(({ workload }) => hasLabels(table.labelsOf(workload.uid), wanted))
    .filter(({ workload }) => !ejected(workload.uid));
  const chosen = balanceEndpoints(service, endpoints, {
    network: parts.network,
    port: servicePort,
    requested: target.destination.address,
    random: parts.random,
    rule: loadBalancer?.simple ?? 'LEAST_REQUEST',
    turn: parts.activity.nextTurn(),
    active: (uid) => parts.activity.active(uid),
    avoid,
  });
  if (chosen.kind === 'none') {
    const which = subset === undefined ? '' : ` in subset ${subset.name}`;
    const code = chosen.code === 'AMB1405' ? 'AMB1703' : chosen.code;
    return { kind: 'none', code, reason: `${chosen.reason}${which}`, flag: 'UH' };
  }
  const { workload, address, targetPort } = chosen;
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
  return { kind: 'endpoint', endpoint, appProtocol: port?.appProtocol ?? 'unknown' };
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
