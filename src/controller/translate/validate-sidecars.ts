// What makes a Sidecar, a WorkloadGroup or a ProxyConfig invalid (features sections 1.6, 1.7, 1.9 and 7.3).

import type {
  ProxyConfig,
  ReadinessProbeSpec,
  Sidecar,
  SidecarListenerSpec,
  WorkloadGroup,
} from '../kinds/unwatched.ts';
import type { Problem } from './finding.ts';
import { isHostPattern } from './hostnames.ts';
import { endpointProblems } from './validate-endpoints.ts';
import { poolProblems } from './validate-pools.ts';
import { labelProblems, selectorProblems } from './validate-selection.ts';
import { invalid, rangeProblems, wordProblems } from './validate-values.ts';

/** All problems of a Sidecar. */
export function validateSidecar({ spec = {} }: Sidecar): Problem[] {
  const { ingress = [], egress = [], outboundTrafficPolicy, workloadSelector } = spec;
  const isEmpty =
    ingress.length + egress.length === 0 &&
    [outboundTrafficPolicy, spec.inboundConnectionPool].every((one) => one === undefined);
  if (isEmpty) return [invalid('spec', 'is an empty configuration: needs ingress or egress')];
  return [
    ...labelProblems(workloadSelector?.labels, 'spec.workloadSelector.labels'),
    ...ingress.flatMap((listener, index) => ingressProblems(listener, `spec.ingress[${index}]`)),
    ...egress.flatMap((listener, index) =>
      egressProblems(listener, `spec.egress[${index}]`, index === egress.length - 1),
    ),
    ...poolProblems(spec.inboundConnectionPool, 'spec.inboundConnectionPool'),
    ...wordProblems(outboundTrafficPolicy?.mode, 'spec.outboundTrafficPolicy.mode', [
      'REGISTRY_ONLY',
      'ALLOW_ANY',
    ]),
  ];
}

/** What is allowed, and probably not meant. */
export function warnOfSidecar({ spec = {} }: Sidecar): Problem[] {
  const hosts = (spec.egress ?? []).flatMap((listener) => listener.hosts ?? []);
  return new Set(hosts).size < hosts.length
    ? [invalid('spec.egress', 'has a host twice; the first of them counts')]
    : [];
}

function ingressProblems(listener: SidecarListenerSpec, path: string): Problem[] {
  const { port, bind = '', defaultEndpoint = '' } = listener;
  const endpoint = /^(127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\[::\]):\d{1,5}$|^unix:\/\/.+/;
  return [
    ...(port === undefined
      ? [invalid(`${path}.port`, 'is required')]
      : rangeProblems(port.number ?? 0, `${path}.port.number`, 1, 65_535)),
    ...(bind.startsWith('unix://')
      ? [invalid(`${path}.bind`, 'cannot be a unix socket on an ingress listener')]
      : []),
    ...(defaultEndpoint === '' || endpoint.test(defaultEndpoint)
      ? []
      : [
          invalid(`${path}.defaultEndpoint`, 'must be 127.0.0.1:PORT, 0.0.0.0:PORT or unix://PATH'),
        ]),
    ...poolProblems(listener.connectionPool, `${path}.connectionPool`),
  ];
}

function egressProblems(listener: SidecarListenerSpec, path: string, isLast: boolean): Problem[] {
  const { port, bind = '', hosts = [] } = listener;
  const problems: Problem[] = [];
  const number = port?.number ?? 0;
  if (port === undefined && !isLast) {
    problems.push(invalid(`${path}.port`, 'may be left out on the last listener only'));
  }
  if (bind.startsWith('unix://') && number !== 0) {
    problems.push(invalid(`${path}.port.number`, 'must be 0 for unix sockets'));
  } else if (port !== undefined && !bind.startsWith('unix://')) {
    problems.push(...rangeProblems(number, `${path}.port.number`, 1, 65_535));
  }
  if (hosts.length === 0) problems.push(invalid(`${path}.hosts`, 'must have at least one host'));
  for (const [index, host] of hosts.entries()) {
    const [namespace = '', name = '', ...rest] = host.split('/');
    const isWell =
      rest.length === 0 &&
      /^([~*.]|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/.test(namespace) &&
      (name === '*' || isHostPattern(name));
    if (isWell) continue;
    problems.push(invalid(`${path}.hosts[${index}]`, `"${host}" must be NAMESPACE/DNS-NAME`));
  }
  return problems;
}

const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

/** All problems of a WorkloadGroup. */
export function validateWorkloadGroup({ spec = {} }: WorkloadGroup): Problem[] {
  const { template, probe, metadata } = spec;
  if (template === undefined) return [invalid('spec.template', 'is required')];
  // The address comes with each workload that registers itself.
  const filled = { ...template, address: template.address || '127.0.0.1' };
  return [
    ...labelProblems(metadata?.labels, 'spec.metadata.labels'),
    ...endpointProblems(filled, 'spec.template'),
    ...probeProblems(probe),
  ];
}

function probeProblems(probe: ReadinessProbeSpec | undefined): Problem[] {
  if (probe === undefined) return [];
  const { httpGet, tcpSocket, exec, grpc } = probe;
  const methods = [httpGet, tcpSocket, exec, grpc].filter((one) => one !== undefined);
  return [
    ...(methods.length === 1
      ? []
      : [invalid('spec.probe', 'needs exactly one of httpGet, tcpSocket, exec and grpc')]),
    ...probeNumbers.flatMap((field) =>
      (probe[field] ?? 0) < 0
        ? [invalid(`spec.probe.${field}`, `${probe[field]} must be non-negative`)]
        : [],
    ),
    ...(exec !== undefined && (exec.command ?? []).length === 0
      ? [invalid('spec.probe.exec.command', 'is required')]
      : []),
    ...(['httpGet', 'tcpSocket', 'grpc'] as const).flatMap((field) =>
      probe[field] === undefined
        ? []
        : rangeProblems(probe[field].port ?? 0, `spec.probe.${field}.port`, 1, 65_535),
    ),
  ];
}

/** All problems of a ProxyConfig. */
export function validateProxyConfig({ spec = {} }: ProxyConfig): Problem[] {
  const { concurrency = 0, image, selector } = spec;
  return [
    ...selectorProblems(selector),
    ...(concurrency < 0 ? [invalid('spec.concurrency', `${concurrency} must be 0 or more`)] : []),
    ...wordProblems(image?.imageType, 'spec.image.imageType', ['default', 'debug', 'distroless']),
  ];
}
