// Objects to everything that proxies are told. The only caller of the rest of this folder. It
// recomputes all of it; publishing sends only what differs.

import type { Authorization } from '../../mesh/authorization.ts';
import { serviceKey } from '../../mesh/workload.ts';
import type { RouteObject } from '../kinds/gateway-routes.ts';
import type { KindName, KindTypes } from '../kinds/kinds.ts';
import { describeObject, type KubernetesObject, keyOf } from '../kinds/object.ts';
import type { AuthorizationPolicyObject } from '../kinds/security.ts';
import type { ObjectSource } from '../objects.ts';
import { hasTargets, policiesSelecting, translateAuthorization } from './authorizations.ts';
import { collectWorkloads, rulesBySlice, type WorkloadSources } from './collect-workloads.ts';
import { DestinationRuleIndex } from './destination-rules.ts';
import { withEntryTraits } from './entry-traits.ts';
import {
  closeAuthorizationPolicy,
  closePeerAuthentication,
  closePeerAuthentications,
} from './fail-closed.ts';
import { type Finding, type Problem, withoutRepeats } from './finding.ts';
import { findingsOnInvalidPolicies, findingsOnKinds, findingsOnRootSelectors } from './findings.ts';
import { type RouteReport, reportInvalid } from './gateway-parents.ts';
import { attachRoutes } from './gateway-routes.ts';
import { resolveHost } from './hostnames.ts';
import { literalStars } from './literal-stars.ts';
import type { MeshOptions } from './mesh-options.ts';
import { collectNetworkGateways, ownNetwork } from './networks.ts';
import { convertPeerAuthentications } from './peer-authentications.ts';
import { resolveTargets } from './policy-targets.ts';
import { type RegisteredServices, registerServices } from './register-services.ts';
import { translateRequestPolicy } from './request-policies.ts';
import {
  findingsOnDestinationRule,
  findingsOnRoute,
  findingsOnVirtualService,
} from './route-findings.ts';
import { readable, type ScopeRules } from './scope.ts';
import { buildServiceConfigs, type ServiceConfigs } from './service-configs.ts';
import { entryFindings, waypointFindings } from './service-findings.ts';
import type { SettledMeshConfig } from './settle-mesh-config.ts';
import type { Snapshot, Translation } from './snapshot.ts';
import type { Questions, ValidVersions } from './valid-versions.ts';
import { validateDestinationRule, warnOfDestinationRule } from './validate-destination-rules.ts';
import { validateWorkloadEntry, warnOfWorkloadEntry } from './validate-endpoints.ts';
import {
  validateConnectionRoute,
  validateGrpcRoute,
  validateHttpRoute,
} from './validate-gateway-routes.ts';
import { validateAuthorizationPolicy, validatePeerAuthentication } from './validate-policies.ts';
import { validateVirtualService } from './validate-routes.ts';
import { validateServiceEntry, warnOfServiceEntry } from './validate-service-entries.ts';
import { translateVirtualService } from './virtual-services.ts';
import { warnOfVirtualService } from './warn-of-routes.ts';
import { warnOfNoWeight } from './warn-weights.ts';
import { WaypointPolicies } from './waypoint-policies.ts';
import { collectWaypoints } from './waypoints.ts';
import { WorkloadMemory } from './workload-memory.ts';
import { writtenAddresses } from './written-addresses.ts';

/** Translates everything. `versions` remembers the last valid version of each object, `memory` what
 * has been made of it; the outcome does not depend on the memory. */
export function translate(
  objects: ObjectSource,
  versions: ValidVersions,
  options: MeshOptions,
  memory = new WorkloadMemory(),
): Translation {
  return translateOn(layGround(objects, versions, options, memory), memory);
}

/** What pods are translated on: all that does not come from pods. */
export interface Groundwork {
  readonly mesh: MeshOptions;
  /** What of the cluster was read. */
  readonly scope: ScopeRules;
  readonly valid: ReturnType<typeof settleAll>;
  readonly allocated: ReturnType<typeof writtenAddresses>;
  readonly settledConfig: SettledMeshConfig;
  readonly services: RegisteredServices;
  readonly policies: TranslatedPolicies;
  readonly workloadSources: WorkloadSources;
}

/** Translates what does not depend on pods. */
export function layGround(
  all: ObjectSource,
  versions: ValidVersions,
  options: MeshOptions,
  memory: WorkloadMemory,
): Groundwork {
  const mesh = memory.on(ownNetwork(all, options.rootNamespace), options);
  const settledConfig = memory.meshConfig.settle(all, mesh);
  const { config } = settledConfig;
  const { discoverySelectors } = config;
  const { rootNamespace, revisions } = mesh;
  const scope = { rootNamespace, revisions, ...(discoverySelectors && { discoverySelectors }) };
  const objects = readable(all, scope);
  const waypoints = collectWaypoints(objects, mesh.network);
  const valid = settleAll(objects, versions, mesh);
  const serviceEntries = valid.serviceEntries.objects;
  const allocated = writtenAddresses(objects, serviceEntries, mesh);
  const ways = { objects, waypoints, policies: new WaypointPolicies(objects, mesh.rootNamespace) };
  const services = registerServices(
    { objects, serviceEntries, ways, allocated: allocated.written, config },
    mesh,
    memory,
  );
  const policies = translatePolicies(valid, mesh);
  const workloadSources = {
    objects,
    workloadEntries: valid.workloadEntries.objects,
    registered: services,
    ways,
    bySlice: rulesBySlice(objects, services, mesh),
    policiesOf: policies.referencesOf,
    onlyRegistered: config.outboundPolicy === 'registry-only',
    gateways: collectNetworkGateways(objects, mesh),
  };
  return { mesh, scope, valid, allocated, settledConfig, services, policies, workloadSources };
}

/** The rest of a translation. */
export function translateOn(ground: Groundwork, memory: WorkloadMemory): Translation {
  const { mesh, scope, valid, allocated, settledConfig, services, policies } = ground;
  const { objects, waypoints } = ground.workloadSources.ways;
  const { workloads, labels } = collectWorkloads(ground.workloadSources, mesh, memory);
  const bound = { waypoints, waypointsOf: services.waypointsOf, keysOfEntry: services.keysOfEntry };
  const targeted = resolveTargets(policies.targeted, bound, objects, mesh);
  const sources = { ...routesIn(valid, objects), ...bound, services: services.services };
  const gatewayRoutes = attachRoutes(sources, mesh);
  const configs = buildServiceConfigs(
    {
      ...sources,
      virtualServices: valid.virtualServices.objects,
      gatewayRoutes,
      destinationRules: valid.destinationRules.objects,
      policies: targeted,
      traffic: settledConfig.config.traffic,
    },
    mesh,
  );
  const { accessLog } = settledConfig.config;
  const isVisibilitySet = settledConfig.config.serviceEntryVisibility !== undefined;
  const findings = [
    ...Object.values(valid).flatMap((settled) => settled.findings),
    ...findingsOnInvalidPolicies(valid.authorizationPolicies, objects.list('AuthorizationPolicy')),
    ...policies.findings,
    ...targeted.findings,
    ...waypointFindings(services.bindings),
    ...entryFindings(services.entries, isVisibilitySet, mesh),
    ...settledConfig.findings,
    ...findingsOnRoutes(valid, gatewayRoutes.reports, configs),
    ...findingsOnKinds(objects),
    ...findingsOnRootSelectors(objects, mesh.rootNamespace),
  ];
  const snapshot: Snapshot = {
    workloads,
    services: services.services,
    authorizations: policies.published,
    serviceConfigs: withEntryTraits(configs.byWaypoint, services.entries),
    workloadLabels: labels,
  };
  const routes = withInvalidRoutes(gatewayRoutes.reports, objects, valid);
  const isOurs = concernsUs(routes);
  return {
    snapshot,
    findings: withoutRepeats(findings).filter(isOurs),
    allocations: allocated.writes,
    logging: accessLog === undefined ? {} : { accessLog },
    scope,
    routes,
  };
}

interface TranslatedPolicies {
  /** By `NAMESPACE/NAME`. */
  readonly published: ReadonlyMap<string, Authorization>;
  readonly findings: readonly Finding[];
  /** The published ones that select something. */
  readonly referencesOf: (object: KubernetesObject) => readonly string[];
  /** Those for waypoints. */
  readonly targeted: readonly AuthorizationPolicyObject[];
}

function translatePolicies(
  valid: Pick<ReturnType<typeof settleAll>, 'authorizationPolicies' | 'peerAuthentications'>,
  mesh: MeshOptions,
): TranslatedPolicies {
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
  const published = new Map(
    [
      ...authorizations.flatMap(({ authorization }) => authorization ?? []),
      ...peers.authorizations,
    ].map((one) => [nameOf(one), one]),
  );
  return {
    published,
    findings: authorizations.map(({ finding }) => finding),
    referencesOf: (object) => [
      ...policiesSelecting(object, connectionPolicies, mesh).filter((name) => published.has(name)),
      ...peers.referencesOf(object),
    ],
    targeted: policies.filter(hasTargets),
  };
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
    serviceEntries: settle('ServiceEntry', validateServiceEntry, () => undefined, {
      warn: warnOfServiceEntry,
    }),
    workloadEntries: settle('WorkloadEntry', validateWorkloadEntry, () => undefined, {
      warn: warnOfWorkloadEntry,
    }),
    httpRoutes: settle('HTTPRoute', validateHttpRoute, () => undefined, { warn: warnOfNoWeight }),
    grpcRoutes: settle('GRPCRoute', validateGrpcRoute, () => undefined, { warn: warnOfNoWeight }),
    tcpRoutes: settle('TCPRoute', validateConnectionRoute, () => undefined, {
      warn: warnOfNoWeight,
    }),
    tlsRoutes: settle('TLSRoute', validateConnectionRoute, () => undefined, {
      warn: warnOfNoWeight,
    }),
    virtualServices: settle(
      'VirtualService',
      validateVirtualService,
      (object) => translateVirtualService(object, (host) => serviceKey('', host)),
      { warn: warnOfVirtualService },
    ),
    destinationRules: settle(
      'DestinationRule',
      validateDestinationRule,
      (object) => {
        const namespace = object.metadata.namespace ?? '';
        const host = resolveHost(object.spec?.host ?? '', namespace, mesh);
        const labels = object.spec?.workloadSelector?.matchLabels ?? {};
        const service = { hostname: host, namespace, prefersPlace: false };
        return new DestinationRuleIndex([object], mesh).choose(service, { namespace, labels });
      },
      { warn: warnOfDestinationRule },
    ),
  };
}

function routesIn(
  valid: Pick<
    ReturnType<typeof settleAll>,
    'httpRoutes' | 'grpcRoutes' | 'tcpRoutes' | 'tlsRoutes'
  >,
  objects: ObjectSource,
) {
  return {
    grants: objects.list('ReferenceGrant'),
    portNamed: (namespace: string, name: string, port: string): number | undefined =>
      objects.get('Service', namespace, name)?.spec?.ports?.find((one) => one.name === port)?.port,
    httpRoutes: valid.httpRoutes.objects,
    grpcRoutes: valid.grpcRoutes.objects,
    tcpRoutes: valid.tcpRoutes.objects,
    tlsRoutes: valid.tlsRoutes.objects,
  };
}

function findingsOnRoutes(
  valid: Pick<ReturnType<typeof settleAll>, 'virtualServices' | 'destinationRules'>,
  reports: readonly RouteReport[],
  configs: ServiceConfigs,
): Finding[] {
  return [
    ...valid.virtualServices.objects.flatMap((one) => findingsOnVirtualService(one, configs)),
    ...valid.destinationRules.objects.flatMap((one) => findingsOnDestinationRule(one, configs)),
    ...reports.flatMap((report) => findingsOnRoute(report, configs.uses)),
  ];
}

/** Nothing is said of routes whose parents are all in the care of other controllers. */
function concernsUs(routes: readonly RouteReport[]): (finding: Finding) => boolean {
  const strange = new Set(
    routes
      .filter(({ parents }) => parents.length === 0)
      .map(({ object }) => describeObject(object)),
  );
  return ({ object }) => !strange.has(`${object.kind} ${object.namespace ?? ''}/${object.name}`);
}

/** Reports with those on objects whose newest version is not valid, in the place of an older one's. */
function withInvalidRoutes(
  reports: readonly RouteReport[],
  objects: ObjectSource,
  valid: Parameters<typeof routesIn>[0],
): RouteReport[] {
  const kinds = [
    ['HTTPRoute', valid.httpRoutes.invalid],
    ['GRPCRoute', valid.grpcRoutes.invalid],
    ['TCPRoute', valid.tcpRoutes.invalid],
    ['TLSRoute', valid.tlsRoutes.invalid],
  ] as const;
  const refused = kinds.flatMap(([kind, keys]) =>
    objects.list(kind).filter((object: RouteObject) => keys.has(keyOf(object))),
  );
  const names = new Set(refused.map(describeObject));
  return [
    ...reports.filter(({ object }) => !names.has(describeObject(object))),
    ...refused.map(reportInvalid),
  ];
}

function nameOf(authorization: Authorization): string {
  return `${authorization.namespace}/${authorization.name}`;
}
