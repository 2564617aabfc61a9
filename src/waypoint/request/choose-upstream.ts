// The endpoint of one attempt: the backend's service and port, its subset, and one of the endpoints
// that fit, by the load-balancing rule of the service's destination rules.

import { isV6 } from '../../mesh/address.ts';
import type { Code } from '../../mesh/catalogue.ts';
import { chooseEndpointAmong, findSubset } from '../../mesh/choose-backend.ts';
import type { RouteBackend } from '../../mesh/route.ts';
import type { Service, ServicePort } from '../../mesh/service.ts';
import {
  backendPort,
  fittingEndpoints,
  keyOfEndpoint,
  type UpstreamEndpoint,
} from '../upstream/endpoints.ts';
import type { ClientConnection, PipelineParts } from './parts.ts';

/** Where a request can go. */
export type UpstreamChoice =
  | {
      readonly kind: 'endpoint';
      readonly endpoint: UpstreamEndpoint;
      readonly appProtocol: ServicePort['appProtocol'];
    }
  | { readonly kind: 'none'; readonly code: Code; readonly reason: string; readonly flag: string };

/** Chooses an endpoint for a backend; those with a key in `avoid` only when there is no other. */
export function chooseUpstream(
  backend: RouteBackend | undefined,
  connection: ClientConnection,
  parts: PipelineParts,
  avoid: ReadonlySet<string>,
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
  const rules = table.get(`${service.namespace}/${service.hostname}`)?.destination;
  const subset = backend?.subset === undefined ? undefined : findSubset(rules, backend.subset);
  if (backend?.subset !== undefined && subset === undefined) {
    const reason = `${service.hostname} has no subset ${backend.subset}`;
    return { kind: 'none', code: 'AMB1705', reason, flag: 'NC' };
  }
  const servicePort = backendPort(service, backend?.port, target.destination.port);
  const endpoints = fittingEndpoints({
    service,
    servicePort,
    endpoints: mesh.endpointsOf(`${service.namespace}/${service.hostname}`),
    network: parts.network,
    preferV6: isV6(target.destination.address),
    labelsOf: (uid) => table.labelsOf(uid),
    ...(subset === undefined ? {} : { subset: subset.labels }),
  });
  const endpoint = chooseEndpointAmong(endpoints, {
    rule: rules?.loadBalancer ?? 'LEAST_REQUEST',
    random: parts.random,
    turn: parts.activity.nextTurn(),
    active: (one) => parts.activity.active(keyOfEndpoint(one)),
    avoid: new Set(endpoints.filter((one) => avoid.has(keyOfEndpoint(one)))),
  });
  if (endpoint === undefined) {
    const which = subset === undefined ? '' : ` of subset ${subset.name}`;
    const reason = `${service.hostname} has no ready endpoint${which} for port ${servicePort}`;
    return { kind: 'none', code: 'AMB1703', reason, flag: 'UH' };
  }
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
