// Objects to everything that proxies are told. The only caller of the rest of this folder. It
// recomputes all of it; publishing sends only what differs.

import type { Authorization } from '../../mesh/authorization.ts';
import type { Service } from '../../mesh/service.ts';
import { type ServiceKey, serviceKey, type Workload } from '../../mesh/workload.ts';
import type { Pod, ServiceObject } from '../kinds/core.ts';
import type { KindName, KindTypes } from '../kinds/kinds.ts';
import { keyOf } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import { hasTargets, policiesSelecting, translateAuthorization } from './authorizations.ts';
import { DestinationRuleIndex } from './destination-rules.ts';
import {
  closeAuthorizationPolicy,
  closePeerAuthentication,
  closePeerAuthentications,
} from './fail-closed.ts';
import { type Problem, withoutRepeats } from './finding.ts';
import {
  findingsOnInvalidPolicies,
  findingsOnKinds,
  findingsOnRootSelectors,
  waypointFindings,
} from './findings.ts';
import { resolveHost } from './hostnames.ts';
import { literalStars } from './literal-stars.ts';
import { type MeshOptions, serviceHostname } from './mesh-options.ts';
import { convertPeerAuthentications } from './peer-authentications.ts';
import { resolveTargets } from './policy-targets.ts';
import { translateRequestPolicy } from './request-policies.ts';
import { findingsOnDestinationRule, findingsOnVirtualService } from './route-findings.ts';
import { buildServiceConfigs } from './service-configs.ts';
import { isMeshService, translateService } from './services.ts';
import type { Snapshot, Translation } from './snapshot.ts';
import type { Questions, ValidVersions } from './valid-versions.ts';
import { validateDestinationRule } from './validate-destination-rules.ts';
import { validateAuthorizationPolicy, validatePeerAuthentication } from './validate-policies.ts';
import { validateVirtualService } from './validate-routes.ts';
import { translateVirtualService } from './virtual-services.ts';
import { type Binding, bindWaypoint, collectWaypoints, type Waypoint } from './waypoints.ts';
import { WorkloadMemory } from './workload-memory.ts';
import { isGatewayPod, isWorkload, podUid, translateSlice } from './workloads.ts';

/** Translates everything. `versions` remembers the last valid version of each object, `memory` what
 * has been made of it; the outcome does not depend on the memory. */
export function translate(
  objects: ObjectSource,
  versions: ValidVersions,
  mesh: MeshOptions,
  memory = new WorkloadMemory(),
): Translation {
  const waypoints = collectWaypoints(objects);
  const valid = settleAll(objects, versions, mesh);
  const services = translateServices(objects, waypoints, mesh);
  // What is invalid and has no valid version closes instead of being left out.
  const policies = [
    ...valid.authorizationPolicies.objects,
    ...valid.authorizationPolicies.unknown.flatMap(
      (policy) => closeAuthorizationPolicy(policy, mesh).replacements,
    ),
  ];
  const connectionPolicies = policies.filter((policy) => !hasTargets(policy));
  const authorizations = connectionPolicies.map((policy) => translateAuthorization(policy, mesh));
  const peers = convertPeerAuthentications(
    valid.peerAuthentications.objects,
    mesh,
    closePeerAuthentications(valid.peerAuthentications.unknown, mesh),
  );
  const published = [
    ...authorizations.flatMap(({ authorization }) => authorization ?? []),
    ...peers.authorizations,
  ];
  const sent = new Set(published.map(nameOf));
  const policiesOf = (pod: Pod): string[] => [
    ...policiesSelecting(pod, connectionPolicies, mesh).filter((name) => sent.has(name)),
    ...peers.referencesOf(pod),
  ];
  const workloads = translateWorkloads(objects, waypoints, policiesOf, mesh, memory);
  const bound = { waypoints, waypointOf: services.waypointOf };
  const targeted = resolveTargets(policies.filter(hasTargets), bound, objects, mesh);
  const configs = buildServiceConfigs(
    {
      services: services.services,
      ...bound,
      virtualServices: valid.virtualServices.objects,
      destinationRules: valid.destinationRules.objects,
      policies: targeted,
    },
    mesh,
  );
  const snapshot: Snapshot = {
    workloads: new Map(workloads.map((workload) => [workload.uid, workload])),
    services: services.services,
    authorizations: new Map(published.map((one) => [nameOf(one), one])),
    serviceConfigs: configs.byWaypoint,
    workloadLabels: labelsOf(objects.list('Pod').filter(isWorkload), mesh),
  };
  const findings = [
    ...Object.values(valid).flatMap((settled) => settled.findings),
    ...findingsOnInvalidPolicies(valid.authorizationPolicies, objects.list('AuthorizationPolicy')),
    ...authorizations.map(({ finding }) => finding),
    ...targeted.findings,
    ...waypointFindings(services.bindings),
    ...valid.virtualServices.objects.flatMap((one) => findingsOnVirtualService(one, configs)),
    ...valid.destinationRules.objects.flatMap(findingsOnDestinationRule),
    ...findingsOnKinds(objects),
    ...findingsOnRootSelectors(objects, mesh.rootNamespace),
  ];
  return { snapshot, findings: withoutRepeats(findings) };
}

/** Each object is also translated once by itself, so that one that trips the translation is found out
 * here, where it costs only itself. */
function settleAll(objects: ObjectSource, versions: ValidVersions, mesh: MeshOptions) {
  const settle = <Kind extends KindName>(
    kind: Kind,
    validate: (object: KindTypes[Kind]) => readonly Problem[],
    attempt: (object: KindTypes[Kind]) => unknown,
    questions?: Questions<KindTypes[Kind]>,
  ) => {
    const check = (object: KindTypes[Kind]): readonly Problem[] => {
      const problems = validate(object);
      if (problems.length === 0) attempt(object);
      return problems;
    };
    return versions.settle(kind, objects.list(kind), check, questions);
  };
  return {
    authorizationPolicies: settle(
      'AuthorizationPolicy',
      validateAuthorizationPolicy,
      (policy) =>
        hasTargets(policy) ? translateRequestPolicy(policy) : translateAuthorization(policy, mesh),
      {
        warn: literalStars,
        withoutVersion: (policy) => closeAuthorizationPolicy(policy, mesh).consequence,
      },
    ),
    peerAuthentications: settle(
      'PeerAuthentication',
      validatePeerAuthentication,
      (object) => convertPeerAuthentications([object], mesh),
      { withoutVersion: (object) => closePeerAuthentication(object, mesh).consequence },
    ),
    virtualServices: settle('VirtualService', validateVirtualService, (object) =>
      translateVirtualService(object, (host) => serviceKey('', host)),
    ),
    destinationRules: settle('DestinationRule', validateDestinationRule, (object) => {
      const namespace = object.metadata.namespace ?? '';
      const host = resolveHost(object.spec?.host ?? '', namespace, mesh);
      return new DestinationRuleIndex([object], mesh).find(host, namespace, namespace);
    }),
  };
}

interface TranslatedServices {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  readonly waypointOf: ReadonlyMap<ServiceKey, string>;
  readonly bindings: readonly { readonly object: ServiceObject; readonly binding: Binding }[];
}

function translateServices(
  objects: ObjectSource,
  waypoints: ReadonlyMap<string, Waypoint>,
  mesh: MeshOptions,
): TranslatedServices {
  const services = new Map<ServiceKey, Service>();
  const waypointOf = new Map<ServiceKey, string>();
  const bindings: { object: ServiceObject; binding: Binding }[] = [];
  for (const object of objects.list('Service').filter(isMeshService)) {
    const { namespace: ownNamespace = '', name } = object.metadata;
    const key = serviceKey(ownNamespace, serviceHostname(ownNamespace, name, mesh));
    const binding: Binding = isWaypointService(object, waypoints)
      ? { kind: 'none' }
      : bindWaypoint(object, 'service', objects, waypoints);
    bindings.push({ object, binding });
    const address = binding.kind === 'bound' ? binding.address : undefined;
    if (binding.kind === 'bound') waypointOf.set(key, keyOf(binding.waypoint.gateway));
    const namespace = objects.get('Namespace', undefined, ownNamespace);
    services.set(key, translateService(object, namespace, address, mesh));
  }
  return { services, waypointOf, bindings };
}

/** A waypoint's own Service never goes through a waypoint. */
function isWaypointService(
  object: ServiceObject,
  waypoints: ReadonlyMap<string, Waypoint>,
): boolean {
  const gateway = object.metadata.labels?.['gateway.networking.k8s.io/gateway-name'];
  return gateway !== undefined && waypoints.has(`${object.metadata.namespace ?? ''}/${gateway}`);
}

function translateWorkloads(
  objects: ObjectSource,
  waypoints: ReadonlyMap<string, Waypoint>,
  policiesOf: (pod: Pod) => readonly string[],
  mesh: MeshOptions,
  memory: WorkloadMemory,
): Workload[] {
  const byNamespace = new Map<string, ServiceObject[]>();
  for (const service of objects.list('Service')) {
    const namespace = service.metadata.namespace ?? '';
    const list = byNamespace.get(namespace);
    if (list === undefined) byNamespace.set(namespace, [service]);
    else list.push(service);
  }
  const pods = objects.list('Pod').filter(isWorkload);
  const fromPods = pods.map((pod) => {
    const binding: Binding = isGatewayPod(pod)
      ? { kind: 'none' }
      : bindWaypoint(pod, 'workload', objects, waypoints);
    const surroundings = {
      node: objects.get('Node', undefined, pod.spec?.nodeName ?? ''),
      services: byNamespace.get(pod.metadata.namespace ?? '') ?? [],
      waypoint: binding.kind === 'bound' ? binding.address : undefined,
      authorizationPolicies: policiesOf(pod),
    };
    return memory.translate(pod, surroundings, mesh);
  });
  const fromSlices = objects.list('EndpointSlice').flatMap((slice) => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    const service = name && objects.get('Service', slice.metadata.namespace, name);
    if (!service || Object.keys(service.spec?.selector ?? {}).length > 0) return [];
    return translateSlice(slice, service, mesh);
  });
  return [...fromPods, ...fromSlices];
}

function labelsOf(
  pods: readonly Pod[],
  mesh: MeshOptions,
): ReadonlyMap<string, Readonly<Record<string, string>>> {
  return new Map(pods.map((pod) => [podUid(pod, mesh), pod.metadata.labels ?? {}]));
}

function nameOf(authorization: Authorization): string {
  return `${authorization.namespace}/${authorization.name}`;
}
