import * as assert from 'uvu/assert';
import type { ApiServer } from '../../src/standalone/api/api-server.ts';
import { suite } from '../support/suite.ts';
import { ApiFront } from './api-front.ts';
import { applyYaml, eventually, startApi, startControllerThrough } from './running-controller.ts';

const test = suite('what the controller writes on objects');

/** One object of every kind that has something to be told, and some that have nothing. */
const world = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: waypoint, namespace: shop}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waypoint-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: waypoint}}
spec: {nodeName: n, serviceAccountName: waypoint, containers: [{name: w, image: w}]}
status: {phase: Running, podIP: 10.244.1.7, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Service
metadata: {name: bound, namespace: shop, labels: {istio.io/use-waypoint: waypoint}}
spec: {selector: {app: bound}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: lost, namespace: shop, labels: {istio.io/use-waypoint: nowhere}}
spec: {selector: {app: lost}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: plain, namespace: shop}
spec: {selector: {app: plain}, ports: [{port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: entry, namespace: shop}
spec: {hosts: [entry.example.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: shop}
spec: {hosts: ["*.example.org"], resolution: NONE, addresses: [240.1.1.1], ports: [{number: 80, name: http, protocol: HTTP}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: shop}
spec: {address: 10.1.2.999}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: rule, namespace: shop}
spec: {host: bound, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes, namespace: shop}
spec: {hosts: [bound], http: [{route: [{destination: {host: bound, subset: v2}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: l4, namespace: shop}
spec: {selector: {matchLabels: {app: plain}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: l7, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: bound}], rules: [{to: [{operation: {methods: [GET]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nowhere, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: missing}], rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: unbound, namespace: shop}
spec: {targetRefs: [{group: "", kind: Service, name: plain}], rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: audit, namespace: shop}
spec: {action: AUDIT, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec: {jwtRules: [{issuer: me}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: http, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: bound}], rules: [{backendRefs: [{name: missing, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: grpc, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: plain}], rules: [{backendRefs: [{name: plain, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: tcp, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: bound}], rules: [{backendRefs: [{name: bound, port: 80}]}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: {name: tls, namespace: shop}
spec: {parentRefs: [{group: "", kind: Service, name: missing}], hostnames: [a.example.com], rules: [{backendRefs: [{name: bound, port: 80}]}]}
`;

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly observedGeneration?: number;
}

const kinds = {
  Gateway: 'gateway.networking.k8s.io/gateways',
  GatewayClass: 'gateway.networking.k8s.io/gatewayclasses',
  Service: 'services',
  ServiceEntry: 'networking.istio.io/serviceentries',
  WorkloadEntry: 'networking.istio.io/workloadentries',
  DestinationRule: 'networking.istio.io/destinationrules',
  VirtualService: 'networking.istio.io/virtualservices',
  AuthorizationPolicy: 'security.istio.io/authorizationpolicies',
  PeerAuthentication: 'security.istio.io/peerauthentications',
  RequestAuthentication: 'security.istio.io/requestauthentications',
  HTTPRoute: 'gateway.networking.k8s.io/httproutes',
  GRPCRoute: 'gateway.networking.k8s.io/grpcroutes',
  TCPRoute: 'gateway.networking.k8s.io/tcproutes',
  TLSRoute: 'gateway.networking.k8s.io/tlsroutes',
} as const;

/** `TYPE=STATUS/REASON` of all conditions of an object; `not yet` until all speak of its
 * newest generation. */
function told(api: ApiServer, kind: keyof typeof kinds, name: string): string {
  const object = api.store.get(kinds[kind], kind === 'GatewayClass' ? '' : 'shop', name);
  const { conditions = [], parents = [] } = (object?.['status'] ?? {}) as {
    conditions?: Condition[];
    parents?: { controllerName: string; conditions: Condition[] }[];
  };
  const all = [...conditions, ...parents.flatMap((parent) => parent.conditions)];
  if (all.some((one) => one.observedGeneration !== object?.metadata.generation)) return 'not yet';
  return all.map(({ type, status, reason }) => `${type}=${status}/${reason}`).join(' ');
}

/** What every object of the world is told (features sections 1.4.5, 2.2.10, 5.1.2 and 5.2.1). */
const expected: readonly (readonly [keyof typeof kinds, string, string])[] = [
  ['GatewayClass', 'istio-waypoint', 'Accepted=True/Accepted'],
  ['Gateway', 'waypoint', 'Accepted=True/Accepted Programmed=True/Programmed'],
  ['Service', 'bound', 'istio.io/WaypointBound=True/WaypointAccepted'],
  ['Service', 'lost', 'istio.io/WaypointBound=False/WaypointNotFound'],
  ['Service', 'plain', ''],
  ['Service', 'waypoint', ''],
  ['ServiceEntry', 'wild', 'istio.io/WaypointMissing=True/NoWaypointForWildcardService'],
  ['WorkloadEntry', 'vm', 'ambit.io/Accepted=False/Invalid'],
  ['AuthorizationPolicy', 'l4', 'ZtunnelAccepted=True/Accepted'],
  ['AuthorizationPolicy', 'l7', 'WaypointAccepted=True/Accepted'],
  ['AuthorizationPolicy', 'nowhere', 'WaypointAccepted=False/TargetNotFound'],
  ['AuthorizationPolicy', 'unbound', 'WaypointAccepted=False/AncestorNotBound'],
  ['AuthorizationPolicy', 'audit', 'ZtunnelAccepted=False/UnsupportedValue'],
  ['PeerAuthentication', 'strict', 'ambit.io/Accepted=True/Accepted'],
  ['RequestAuthentication', 'tokens', 'ambit.io/Accepted='],
  ['DestinationRule', 'rule', 'ambit.io/Accepted=True/Accepted'],
  ['VirtualService', 'routes', 'ambit.io/Accepted=True/'],
  [
    'HTTPRoute',
    'http',
    'Accepted=True/Accepted ResolvedWaypoints=True/ResolvedWaypoints ResolvedRefs=False/BackendNotFound',
  ],
  [
    'GRPCRoute',
    'grpc',
    'Accepted=True/Accepted ResolvedWaypoints=False/MissingUseWaypointLabel ResolvedRefs=True/ResolvedRefs',
  ],
  [
    'TCPRoute',
    'tcp',
    'Accepted=True/Accepted ResolvedWaypoints=True/ResolvedWaypoints ResolvedRefs=True/ResolvedRefs',
  ],
  ['TLSRoute', 'tls', 'Accepted=False/NoMatchingParent'],
];

test('every kind is told what holds for it, and a second pass writes nothing', async ({
  stack,
}) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  applyYaml(api, world);
  await startControllerThrough(stack, front);
  await allTold(api);
  const pass = passOf(api);
  await pass('first');
  await pass('second');
  front.requests.length = 0;
  const before = versions(api);
  await pass('third');
  await pass('fourth');
  // The ConfigMaps that these passes are seen by, and the Lease.
  const writes = front.requests.filter(
    (one) => !one.startsWith('GET') && !/\/leases\/|\/namespaces\/(third|fourth)\//.test(one),
  );
  assert.equal(writes, []);
  assert.equal(versions(api), before);
});

test('another process finds everything as it wants it', async ({ stack }) => {
  const api = await startApi(stack);
  applyYaml(api, world);
  const own = stack.use(new AsyncDisposableStack());
  await startControllerThrough(own, own.use(await ApiFront.open(api)));
  await allTold(api);
  const pass = passOf(api);
  await pass('first');
  await pass('second');
  await own.disposeAsync();
  const before = versions(api);
  await startControllerThrough(stack, stack.use(await ApiFront.open(api)));
  await pass('third');
  await pass('fourth');
  assert.equal(versions(api), before);
});

test('a condition goes when nobody asks for it any more', async ({ stack }) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  applyYaml(api, world);
  await startControllerThrough(stack, front);
  const becomes = (kind: keyof typeof kinds, name: string, text: string) =>
    eventually(`${kind} ${name}: "${text}", not "${told(api, kind, name)}"`, () => {
      return told(api, kind, name) === text || undefined;
    });
  await becomes('Service', 'lost', 'istio.io/WaypointBound=False/WaypointNotFound');
  // Somebody else's condition stays.
  const service = api.store.get('services', 'shop', 'lost');
  assert.ok(service);
  const { conditions = [] } = service['status'] as { conditions?: object[] };
  const theirs = {
    type: 'example.com/Theirs',
    status: 'True',
    reason: 'R',
    message: '',
    observedGeneration: service.metadata.generation,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  api.store.updateStatus({ ...service, status: { conditions: [...conditions, theirs] } });
  api.store.mergePatch('services', 'shop', 'lost', {
    metadata: { labels: { 'istio.io/use-waypoint': null } },
  });
  await becomes('Service', 'lost', 'example.com/Theirs=True/R');
  api.store.mergePatch(kinds.HTTPRoute, 'shop', 'http', {
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'of-others' }],
    },
  });
  await becomes('HTTPRoute', 'http', '');
});

test('a write that meets a newer version comes again for that', async ({ stack }) => {
  const api = await startApi(stack);
  const front = stack.use(await ApiFront.open(api));
  await startControllerThrough(stack, front);
  let conflicts = 0;
  front.intercept = (method, url) => {
    if (method !== 'PATCH' || !url.includes('/services/lost/status') || conflicts++ > 0)
      return undefined;
    // Somebody is faster, by a hair.
    api.store.mergePatch('services', 'shop', 'lost', {
      metadata: { annotations: { touched: 'yes' } },
    });
    return undefined;
  };
  applyYaml(api, world);
  await eventually('the condition', () =>
    told(api, 'Service', 'lost') === 'istio.io/WaypointBound=False/WaypointNotFound'
      ? true
      : undefined,
  );
  assert.ok(conflicts >= 2);
});

test.run();

/** Waits until every object of the world is told what is expected. */
async function allTold(api: ApiServer): Promise<void> {
  for (const [kind, name, conditions] of expected) {
    await eventually(`${kind} ${name}: ${conditions}, not ${told(api, kind, name)}`, () => {
      const text = told(api, kind, name);
      return (conditions === '' ? text === '' : text.includes(conditions)) || undefined;
    });
  }
}

/** Makes a pass of writing happen and be over: it begins with a namespace that needs a ConfigMap. */
function passOf(api: ApiServer): (name: string) => Promise<void> {
  return async (name) => {
    applyYaml(api, `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`);
    await eventually(`the root in ${name}`, () =>
      api.store.get('configmaps', name, 'istio-ca-root-cert'),
    );
  };
}

/** The versions of all objects that could have been written. */
function versions(api: ApiServer): Record<string, string | undefined> {
  const all = Object.values(kinds).flatMap((kind) => api.store.list(kind));
  const made = ['apps/deployments', 'serviceaccounts'].flatMap((kind) =>
    api.store.list(kind, { namespace: 'shop' }),
  );
  return Object.fromEntries(
    [...all, ...made].map(({ kind, metadata }) => [
      `${kind} ${metadata.namespace}/${metadata.name}`,
      metadata.resourceVersion,
    ]),
  );
}
