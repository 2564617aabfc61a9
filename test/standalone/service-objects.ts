// Service and EndpointSlice objects for tests.

import type { ApiObject } from '../../src/standalone/api/store.ts';

export interface TestEndpoint {
  readonly address: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly nodeName?: string;
  readonly hostname?: string;
}

export function serviceObject(name: string, spec: object, namespace = 'default'): ApiObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}

export function sliceObject(
  service: string,
  endpoints: readonly TestEndpoint[],
  ports: readonly object[],
  options: { readonly namespace?: string; readonly suffix?: string } = {},
): ApiObject {
  const v6 = endpoints[0]?.address.includes(':') === true;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-${v6 ? 'v6' : 'v4'}${options.suffix ?? ''}`,
      namespace: options.namespace ?? 'default',
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: v6 ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map(({ address, nodeName, hostname, ...conditions }) => ({
      addresses: [address],
      conditions: { ready: true, ...conditions },
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(hostname === undefined ? {} : { hostname }),
    })),
    ports,
  };
}
