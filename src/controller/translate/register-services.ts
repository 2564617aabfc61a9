// All services of the mesh: those of Kubernetes and the hosts of ServiceEntries, with the waypoints that
// they are bound to. Of several with one host name, one counts per namespace and one of these for
// everybody else (features section 0.7).

import type { Service } from '../../mesh/service.ts';
import { keyOfService } from '../../mesh/service.ts';
import type { ServiceKey } from '../../mesh/workload.ts';
import type { ServiceObject } from '../kinds/core.ts';
import { byAge, describeObject, keyOf } from '../kinds/object.ts';
import { isWildcard, type ServiceEntry } from '../kinds/service-entry.ts';
import type { ObjectSource } from '../objects.ts';
import type { Allocations } from './allocate-addresses.ts';
import type { EndpointRule } from './endpoint-rules.ts';
import type { MeshConfig } from './mesh-config.ts';
import type { MeshOptions } from './mesh-options.ts';
import { translateServiceEntry } from './service-entries.ts';
import { isMeshService, translateService } from './services.ts';
import { visibilityIn } from './visibility.ts';
import { type PublishedWay, type Way, type WaySources, wayToService } from './waypoint-way.ts';
import { type Binding, bindWaypoint, type Waypoint } from './waypoints.ts';
import type { WorkloadMemory } from './workload-memory.ts';

/** An object that asks for a waypoint, and what came of it. */
export interface BoundObject {
  readonly object: ServiceObject | ServiceEntry;
  readonly binding: Binding;
  /** Absent when it asks for none. */
  readonly way?: Way;
}

/** What became of the hosts of a ServiceEntry. */
export interface EntryOutcome {
  readonly object: ServiceEntry;
  readonly binding: Binding;
  readonly way?: Way;
  /** Its services in force. */
  readonly services: readonly Service[];
  /** Why proxies are told of none of its hosts. */
  readonly withheld?: 'hidden' | 'needs a waypoint';
  /** Hosts that another object of the namespace has, with its name. */
  readonly lost: readonly { readonly host: string; readonly to: string }[];
  readonly visibility: 'public' | 'namespace' | 'none';
}

export interface RegisteredServices {
  readonly services: ReadonlyMap<ServiceKey, Service>;
  /** `NAMESPACE/NAME` of the waypoints of each bound service: the first, then its canary. */
  readonly waypointsOf: ReadonlyMap<ServiceKey, readonly string[]>;
  readonly bindings: readonly BoundObject[];
  readonly entries: readonly EntryOutcome[];
  /** The services in force of each ServiceEntry, by its key. */
  readonly keysOfEntry: ReadonlyMap<string, readonly ServiceKey[]>;
  /** How endpoints are found, by namespace. */
  readonly rules: ReadonlyMap<string, readonly EndpointRule[]>;
  readonly rulesByKey: ReadonlyMap<ServiceKey, EndpointRule>;
}

export interface ServiceSources {
  readonly objects: ObjectSource;
  /** Those in force. */
  readonly serviceEntries: readonly ServiceEntry[];
  readonly ways: WaySources;
  /** As written in statuses. */
  readonly allocated: Allocations;
  readonly config: MeshConfig;
}

interface Candidate {
  readonly service: Service;
  readonly source: ServiceObject | ServiceEntry;
  readonly binding: Binding;
  readonly way?: Way;
  readonly rule: EndpointRule;
}

/** Registers everything. */
export function registerServices(
  sources: ServiceSources,
  mesh: MeshOptions,
  memory: WorkloadMemory,
): RegisteredServices {
  const fromKubernetes = candidatesOfServices(sources, mesh, memory);
  const drafts = sources.serviceEntries
    .toSorted(byAge)
    .map((object) => draftOf(object, sources, mesh, memory));
  const winners = new Map<ServiceKey, Candidate>();
  for (const candidate of [...fromKubernetes, ...drafts.flatMap((one) => one.candidates)]) {
    const key = keyOfService(candidate.service);
    if (!winners.has(key)) winners.set(key, candidate);
  }
  const canonical = canonicalOnes(winners.values());
  const services = new Map<ServiceKey, Service>();
  const waypointsOf = new Map<ServiceKey, readonly string[]>();
  for (const [key, { service, binding, way }] of winners) {
    services.set(key, canonical.has(key) ? { ...service, canonical: true } : service);
    if (binding.kind === 'bound') waypointsOf.set(key, waypointKeys(binding.waypoint, way));
  }
  const entries = drafts.map((draft) => outcomeOf(draft, winners));
  return {
    services,
    waypointsOf,
    bindings: [
      ...fromKubernetes.map(({ source, ...one }) => ({ object: source, ...one })),
      ...entries,
    ],
    entries,
    keysOfEntry: new Map(
      entries.map(({ object, services: own }) => [keyOf(object), own.map(keyOfService)]),
    ),
    ...memory.rules([...winners.values()].map(({ rule }) => rule)),
  };
}

function candidatesOfServices(
  { objects, ways }: ServiceSources,
  mesh: MeshOptions,
  memory: WorkloadMemory,
): Candidate[] {
  return objects
    .list('Service')
    .filter(isMeshService)
    .map((source) => {
      const binding: Binding = isWaypointService(source, ways.waypoints)
        ? { kind: 'none' }
        : bindWaypoint(source, 'service', objects, ways.waypoints);
      const namespace = objects.get('Namespace', undefined, source.metadata.namespace ?? '');
      const chosen = chooseWay(source, binding, ways);
      const service = translateService(source, namespace, publishedOf(chosen), mesh);
      return { service, source, binding, ...chosen, rule: memory.ruleOfService(source, mesh) };
    });
}

function chooseWay(
  object: ServiceObject | ServiceEntry,
  binding: Binding,
  ways: WaySources,
): { readonly way?: Way } {
  return binding.kind === 'none' ? {} : { way: wayToService(object, binding, ways) };
}

function publishedOf({ way }: { readonly way?: Way }): PublishedWay {
  return way?.published ?? { weightedWaypoints: [] };
}

function waypointKeys({ gateway }: Waypoint, way: Way | undefined): readonly string[] {
  const first = keyOf(gateway);
  return way?.canary.kind === 'bound' ? [first, keyOf(way.canary.waypoint.gateway)] : [first];
}

/** A waypoint's own Service never goes through a waypoint. */
function isWaypointService(
  object: ServiceObject,
  waypoints: ReadonlyMap<string, Waypoint>,
): boolean {
  const gateway = object.metadata.labels?.['gateway.networking.k8s.io/gateway-name'];
  return gateway !== undefined && waypoints.has(`${object.metadata.namespace ?? ''}/${gateway}`);
}

interface Draft extends Omit<EntryOutcome, 'services' | 'lost'> {
  readonly candidates: readonly Candidate[];
}

function draftOf(
  object: ServiceEntry,
  { objects, ways, allocated, config }: ServiceSources,
  mesh: MeshOptions,
  memory: WorkloadMemory,
): Draft {
  const namespace = objects.get('Namespace', undefined, object.metadata.namespace ?? '');
  const visibility = visibilityIn(namespace, config.serviceEntryVisibility);
  const binding = withinReach(
    bindWaypoint(object, 'service', objects, ways.waypoints),
    object,
    visibility,
  );
  const chosen = chooseWay(object, binding, ways);
  const draft = { object, binding, ...chosen, visibility, candidates: [] };
  if (visibility === 'none') return { ...draft, withheld: 'hidden' };
  if (object.spec?.resolution === 'DYNAMIC_DNS' && binding.kind !== 'bound') {
    return { ...draft, withheld: 'needs a waypoint' };
  }
  const services = translateServiceEntry(object, {
    namespace,
    way: publishedOf(chosen),
    allocated: allocated.get(keyOf(object)) ?? [],
    visibility,
    network: mesh.network,
  });
  const candidates = services.map((service) => {
    const rule = memory.ruleOfHost(object, keyOfService(service));
    return { service, source: object, binding, ...chosen, rule };
  });
  return { ...draft, candidates };
}

/** A waypoint of another namespace could not see what only its own namespace sees. */
function withinReach(
  binding: Binding,
  object: ServiceEntry,
  visibility: EntryOutcome['visibility'],
): Binding {
  if (binding.kind !== 'bound' || visibility !== 'namespace') return binding;
  if (binding.waypoint.namespace === object.metadata.namespace) return binding;
  const message = `the entry is visible in ${object.metadata.namespace ?? ''} only (serviceEntryVisibility), so its waypoint must be there too`;
  const asked = binding.waypoint;
  return { kind: 'refused', reason: 'CrossNamespaceWaypointForbidden', message, asked };
}

/** The keys of the services that clients of other namespaces mean by a host name. */
function canonicalOnes(winners: Iterable<Candidate>): ReadonlySet<ServiceKey> {
  const byHost = new Map<string, Candidate>();
  for (const candidate of winners) {
    const { hostname, visibility } = candidate.service;
    if (visibility === 'namespace') continue;
    const known = byHost.get(hostname);
    if (known === undefined || isBetter(candidate, known)) byHost.set(hostname, candidate);
  }
  return new Set([...byHost.values()].map(({ service }) => keyOfService(service)));
}

function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.rule.kind !== other.rule.kind) return one.rule.kind === 'Service';
  return byAge(one.source, other.source) < 0;
}

function outcomeOf(draft: Draft, winners: ReadonlyMap<ServiceKey, Candidate>): EntryOutcome {
  const { candidates, ...shared } = draft;
  const isInForce = (one: Candidate): boolean => winners.get(keyOfService(one.service)) === one;
  return {
    ...shared,
    services: candidates.filter(isInForce).map(({ service }) => service),
    lost: candidates
      .filter((one) => !isInForce(one))
      .map(({ service }) => {
        const winner = winners.get(keyOfService(service));
        const to = winner === undefined ? 'another object' : describeObject(winner.source);
        return { host: service.hostname, to };
      }),
  };
}

/** Whether any host of an entry stands for many. */
export function hasWildcard({ spec }: ServiceEntry): boolean {
  return (spec?.hosts ?? []).some(isWildcard);
}
