// The endpoints that may take a request for a service: ready, reachable from here, of the subset, with
// a known port. Pure.

import { type IpAddress, isV6 } from '../../mesh/address.ts';
import { hasLabels } from '../../mesh/choose-backend.ts';
import type { Service } from '../../mesh/service.ts';
import { keyOfService } from '../../mesh/service.ts';
import type { Workload } from '../../mesh/workload.ts';
import type { ServiceEndpoint } from '../mesh-view.ts';

/** One place a request can go to. */
export interface UpstreamEndpoint {
  readonly workload: Workload;
  readonly address: IpAddress;
  readonly port: number;
  /** The service it was chosen for. */
  readonly service?: Service;
}

export interface EndpointQuery {
  readonly service: Service;
  readonly servicePort: number;
  readonly endpoints: readonly ServiceEndpoint[];
  readonly network: string;
  /** The family that the client used is preferred. */
  readonly preferV6: boolean;
  readonly subset?: Readonly<Record<string, string>>;
  readonly labelsOf: (uid: string) => Readonly<Record<string, string>>;
}

/** All endpoints that fit. */
export function fittingEndpoints(query: EndpointQuery): UpstreamEndpoint[] {
  const { service, servicePort, subset, labelsOf, network } = query;
  const takesAll = service.loadBalancing?.healthPolicy === 'allow-all';
  const fallback = service.ports.find((port) => port.servicePort === servicePort)?.targetPort ?? 0;
  return query.endpoints.flatMap(({ workload, ports }) => {
    const own = ports.find((port) => port.servicePort === servicePort)?.targetPort ?? 0;
    const port = own === 0 ? fallback : own;
    const address = addressOf(workload, query.preferV6);
    const fits =
      (takesAll || workload.status === 'healthy') &&
      workload.network === network &&
      (subset === undefined || hasLabels(labelsOf(workload.uid), subset));
    return fits && port !== 0 && address !== undefined
      ? [{ workload, address, port, service }]
      : [];
  });
}

/** The address of a workload, of the preferred family where it has one. */
export function addressOf(workload: Workload, preferV6: boolean): IpAddress | undefined {
  const { addresses } = workload;
  return addresses.find((address) => isV6(address) === preferV6) ?? addresses[0];
}

/** The port of a backend: the one it names, the only one of the service, or that of the request. */
export function backendPort(service: Service, named: number | undefined, asked: number): number {
  const [only] = service.ports;
  if (named !== undefined) return named;
  return service.ports.length === 1 && only !== undefined ? only.servicePort : asked;
}

/** What tells endpoints apart: two services may share a pod and a port. */
export function keyOfEndpoint({ workload, address, port, service }: UpstreamEndpoint): string {
  const key = service === undefined ? '' : keyOfService(service);
  return `${workload.uid} ${address} ${port} ${key}`;
}
