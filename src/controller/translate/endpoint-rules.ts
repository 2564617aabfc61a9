// Which workloads are endpoints of a service, and at which of their ports: by labels of pods and
// WorkloadEntries, whether a Service or a ServiceEntry asks (protocol section 4.7).

import { type PortMapping, type ServiceKey, serviceKey } from '../../mesh/workload.ts';
import type { Pod, ServiceObject } from '../kinds/core.ts';
import { selects } from '../kinds/object.ts';
import type { ServiceEntry } from '../kinds/service-entry.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { fixedTarget } from './services.ts';

type Labels = Readonly<Record<string, string>>;

interface RulePort {
  readonly servicePort: number;
  /** 0 when only a name is given. */
  readonly targetPort: number;
  /** The workload's port of this name is meant; one without it has no such port. */
  readonly demands?: string;
  /** The workload's port of this name goes before the number. */
  readonly prefers: string;
  readonly protocol: string;
}

/** How endpoints of one service are found. */
export interface EndpointRule {
  readonly key: ServiceKey;
  readonly kind: 'Service' | 'ServiceEntry';
  /** Never empty; absent selects nothing. */
  readonly selector?: Labels;
  readonly ports: readonly RulePort[];
}

/** The rule of a Service. */
export function ruleOfService(object: ServiceObject, mesh: MeshOptions): EndpointRule {
  const { namespace = '', name } = object.metadata;
  return {
    key: serviceKey(namespace, serviceHostname(namespace, name, mesh)),
    kind: 'Service',
    ...selectorOf(object.spec?.selector),
    ports: (object.spec?.ports ?? []).map((port) => {
      const fixed = fixedTarget(port);
      return {
        servicePort: port.port,
        targetPort: fixed ?? 0,
        ...(fixed === undefined && { demands: String(port.targetPort) }),
        prefers: port.name ?? '',
        protocol: port.protocol ?? 'TCP',
      };
    }),
  };
}

/** The rule of one host of a ServiceEntry. */
export function ruleOfHost(object: ServiceEntry, key: ServiceKey): EndpointRule {
  return {
    key,
    kind: 'ServiceEntry',
    ...selectorOf(object.spec?.workloadSelector?.labels),
    ports: (object.spec?.ports ?? []).map(({ number, name, targetPort }) => ({
      servicePort: number,
      targetPort: targetPort || number,
      prefers: name,
      protocol: 'TCP',
    })),
  };
}

function selectorOf(labels: Labels | undefined): { selector?: Labels } {
  return labels === undefined || Object.keys(labels).length === 0 ? {} : { selector: labels };
}

/** The rules that select a workload by its labels. */
export function rulesSelecting(
  rules: readonly EndpointRule[],
  labels: Labels | undefined,
): EndpointRule[] {
  return rules.filter(({ selector }) => selector !== undefined && selects(selector, labels));
}

/** The port mappings of a pod. Names count for ServiceEntries, and where a Service demands one. */
export function portsOfPod(pod: Pod, rule: EndpointRule): PortMapping[] {
  return mappings(rule, (name, protocol) => namedPort(pod, name, protocol), {
    preferNames: rule.kind === 'ServiceEntry',
  });
}

/** The port mappings of an endpoint that gives numbers to names. */
export function portsByName(
  ports: Readonly<Record<string, number>> | undefined,
  rule: EndpointRule,
): PortMapping[] {
  return mappings(rule, (name) => ports?.[name], { preferNames: true });
}

function mappings(
  { ports }: EndpointRule,
  find: (name: string, protocol: string) => number | undefined,
  { preferNames }: { readonly preferNames: boolean },
): PortMapping[] {
  return ports.flatMap(({ servicePort, targetPort, demands, prefers, protocol }) => {
    const named = demands ?? (preferNames && prefers !== '' ? prefers : undefined);
    const found = named === undefined ? undefined : find(named, protocol);
    if (demands !== undefined && found === undefined) return [];
    return [{ servicePort, targetPort: found ?? targetPort }];
  });
}

/** The number behind a port name, as this pod's containers declare it. Init containers that keep
 * running count as containers. */
function namedPort(pod: Pod, name: string, protocol: string): number | undefined {
  const lasting = (pod.spec?.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === 'Always',
  );
  for (const container of [...(pod.spec?.containers ?? []), ...lasting]) {
    for (const port of container.ports ?? []) {
      if (port.name === name && (port.protocol ?? 'TCP') === protocol) return port.containerPort;
    }
  }
  return undefined;
}
