// The kinds that the controller watches, and where the API serves them.

import type {
  ConfigMap,
  Deployment,
  EndpointSlice,
  Namespace,
  Node,
  Pod,
  ServiceObject,
} from './core.ts';
import type { Gateway, GatewayClass } from './gateway.ts';
import type {
  ConnectionRouteObject,
  GrpcRouteObject,
  HttpRouteObject,
  ReferenceGrant,
} from './gateway-routes.ts';
import type { DestinationRule, VirtualService } from './networking.ts';
import type { KubernetesObject } from './object.ts';
import type { AuthorizationPolicyObject, PeerAuthentication } from './security.ts';
import type { ServiceEntry, WorkloadEntry } from './service-entry.ts';

/** The objects of each watched kind. */
export interface KindTypes {
  readonly Namespace: Namespace;
  readonly Node: Node;
  readonly Pod: Pod;
  readonly Service: ServiceObject;
  readonly EndpointSlice: EndpointSlice;
  readonly Deployment: Deployment;
  readonly ConfigMap: ConfigMap;
  /** The ConfigMaps named `istio`; the one of the root namespace configures the mesh. */
  readonly MeshConfig: ConfigMap;
  /** The ConfigMaps with overrides for all Gateways of a class. */
  readonly ClassDefaults: ConfigMap;
  /** These three only as far as they belong to waypoints. */
  readonly ServiceAccount: KubernetesObject;
  readonly PodDisruptionBudget: KubernetesObject;
  readonly HorizontalPodAutoscaler: KubernetesObject;
  readonly GatewayClass: GatewayClass;
  readonly Gateway: Gateway;
  readonly HTTPRoute: HttpRouteObject;
  readonly GRPCRoute: GrpcRouteObject;
  readonly TCPRoute: ConnectionRouteObject;
  readonly TLSRoute: ConnectionRouteObject;
  readonly ReferenceGrant: ReferenceGrant;
  readonly VirtualService: VirtualService;
  readonly DestinationRule: DestinationRule;
  readonly ServiceEntry: ServiceEntry;
  readonly WorkloadEntry: WorkloadEntry;
  readonly AuthorizationPolicy: AuthorizationPolicyObject;
  readonly PeerAuthentication: PeerAuthentication;
  readonly RequestAuthentication: KubernetesObject;
}

export type KindName = keyof KindTypes;

/** What users configure the mesh by. A Gateway is not among them: its waypoint serves whoever runs it. */
export const configurationKinds = [
  'HTTPRoute',
  'GRPCRoute',
  'TCPRoute',
  'TLSRoute',
  'VirtualService',
  'DestinationRule',
  'ServiceEntry',
  'WorkloadEntry',
  'AuthorizationPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
] as const satisfies readonly KindName[];

/** Where a kind is served. */
export interface KindPlace {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Limits what is watched. */
  readonly labelSelector?: string;
}

/** The label on everything that the controller makes for a waypoint. */
export const managedLabel = 'gateway.istio.io/managed';
/** Its value for waypoints. */
export const waypointManager = 'istio.io-mesh-controller';

const ofWaypoints = `${managedLabel}=${waypointManager}`;

/** The label, with its value, on every ConfigMap of the controller: the root certificate of each
 * namespace, and saved versions of objects. */
export const configLabel = 'istio.io/config=true';

/** The name of the ConfigMap with the mesh's configuration, as Istio's. */
export const meshConfigName = 'istio';

/** Every watched kind. */
export const kindPlaces: Readonly<Record<KindName, KindPlace>> = {
  Namespace: { group: '', version: 'v1', plural: 'namespaces' },
  Node: { group: '', version: 'v1', plural: 'nodes' },
  Pod: { group: '', version: 'v1', plural: 'pods' },
  Service: { group: '', version: 'v1', plural: 'services' },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  Deployment: {
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
    labelSelector: ofWaypoints,
  },
  ConfigMap: {
    group: '',
    version: 'v1',
    plural: 'configmaps',
    labelSelector: configLabel,
  },
  /** By its name, which goes with the revision. */
  MeshConfig: { group: '', version: 'v1', plural: 'configmaps' },
  ClassDefaults: {
    group: '',
    version: 'v1',
    plural: 'configmaps',
    labelSelector: 'gateway.istio.io/defaults-for-class',
  },
  ServiceAccount: {
    group: '',
    version: 'v1',
    plural: 'serviceaccounts',
    labelSelector: ofWaypoints,
  },
  PodDisruptionBudget: {
    group: 'policy',
    version: 'v1',
    plural: 'poddisruptionbudgets',
    labelSelector: ofWaypoints,
  },
  HorizontalPodAutoscaler: {
    group: 'autoscaling',
    version: 'v2',
    plural: 'horizontalpodautoscalers',
    labelSelector: ofWaypoints,
  },
  GatewayClass: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'gatewayclasses' },
  Gateway: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'gateways' },
  HTTPRoute: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes' },
  GRPCRoute: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'grpcroutes' },
  TCPRoute: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'tcproutes' },
  TLSRoute: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'tlsroutes' },
  ReferenceGrant: { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'referencegrants' },
  VirtualService: { group: 'networking.istio.io', version: 'v1', plural: 'virtualservices' },
  DestinationRule: { group: 'networking.istio.io', version: 'v1', plural: 'destinationrules' },
  ServiceEntry: { group: 'networking.istio.io', version: 'v1', plural: 'serviceentries' },
  WorkloadEntry: { group: 'networking.istio.io', version: 'v1', plural: 'workloadentries' },
  AuthorizationPolicy: {
    group: 'security.istio.io',
    version: 'v1',
    plural: 'authorizationpolicies',
  },
  PeerAuthentication: { group: 'security.istio.io', version: 'v1', plural: 'peerauthentications' },
  RequestAuthentication: {
    group: 'security.istio.io',
    version: 'v1',
    plural: 'requestauthentications',
  },
};

/** All names of watched kinds. */
export const kindNames = Object.keys(kindPlaces) as readonly KindName[];

/** Whether a text names a watched kind. */
export function isKindName(text: string): text is KindName {
  return Object.hasOwn(kindPlaces, text);
}

/** The API path of a kind's collection, of one namespace when given. */
export function collectionPath(kind: KindName, namespace?: string): string {
  const { group, version, plural } = kindPlaces[kind];
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined
    ? `${root}/${plural}`
    : `${root}/namespaces/${namespace}/${plural}`;
}

/** The API path of one object. */
export function objectPath(kind: KindName, namespace: string | undefined, name: string): string {
  return `${collectionPath(kind, namespace)}/${name}`;
}
