// What holds for a namespace as a whole: whether the mesh is ready for it, who is refused, what ends. Pure.

import type { EnrolmentFacts, PodObject, ServicePort } from './facts.ts';
import type { Finding } from './finding.ts';
import { joiningOf } from './joining.ts';
import { membershipAfter } from './membership.ts';
import { waypointOf } from './waypoint-in-use.ts';

/** Looks at the namespace and its surroundings. */
export function checkNamespace(facts: EnrolmentFacts): readonly Finding[] {
  const object = `Namespace ${facts.namespace}`;
  return [
    ...excluded(facts),
    ...injection(facts),
    ...unreadyNodes(facts),
    ...unreadyWaypoint(facts),
    ...plainClients(facts),
    ...speakingServers(facts),
    ...podSecurity(facts),
    ...liveConnections(facts),
  ].map((one) => ({ object, ...one }));
}

type Said = Omit<Finding, 'object'> & { readonly object?: string };

function labelsOf({ namespace, namespaces }: EnrolmentFacts) {
  return namespaces.get(namespace) ?? {};
}

function excluded(facts: EnrolmentFacts): readonly Said[] {
  if (!facts.excluded.has(facts.namespace)) return [];
  const message =
    'the node agents leave it alone (EXCLUDE_NAMESPACES), so the label will do nothing';
  return [{ code: 'AMB1862', severity: 'breaks', message }];
}

/** Labels by which pods get a sidecar when they start, and the values that ask for one. */
const injectionLabels: readonly (readonly [string, RegExp])[] = [
  ['istio-injection', /^enabled$/],
  ['linkerd.io/inject', /^enabled$|^ingress$/],
  ['kuma.io/sidecar-injection', /^enabled$|^true$/],
  ['openservicemesh.io/sidecar-injection', /^enabled$/],
];

function injection(facts: EnrolmentFacts): readonly Said[] {
  const labels = labelsOf(facts);
  return injectionLabels
    .filter(([key, asks]) => asks.test(labels[key] ?? ''))
    .map(([key]) => ({
      code: 'AMB1865',
      severity: 'risk',
      message: `its label ${key}=${labels[key]} gives pods that start from now on a sidecar`,
    }));
}

/** Nodes with pods to enrol on which the node agent or the node proxy is not ready. */
function unreadyNodes(facts: EnrolmentFacts): readonly Said[] {
  const { pods, meshNamespace } = facts;
  const readyOn = (app: string): ReadonlySet<string | undefined> =>
    new Set(
      pods
        .filter(({ metadata }) => metadata.namespace === meshNamespace)
        .filter(({ metadata }) => metadata.labels?.['app'] === app)
        .filter(isReady)
        .map(({ spec }) => spec?.nodeName),
    );
  const controllers = readyOn('istiod').size;
  const said: Said[] =
    controllers > 0
      ? []
      : [
          {
            code: 'AMB1868',
            severity: 'breaks',
            message: `no controller is ready in ${meshNamespace}`,
          },
        ];
  const joining = pods.filter(
    (pod) =>
      pod.metadata.namespace === facts.namespace && membershipAfter(pod, facts).kind === 'member',
  );
  const nodes = new Set(joining.flatMap(({ spec }) => spec?.nodeName ?? []));
  for (const [app, part] of [
    ['istio-cni-node', 'node agent'],
    ['ztunnel', 'ztunnel'],
  ] as const) {
    const ready = readyOn(app);
    const missing = [...nodes].filter((node) => !ready.has(node)).toSorted();
    if (missing.length === 0) continue;
    const message = `no ${part} is ready on node ${missing.join(', ')}, where it has pods`;
    said.push({ code: 'AMB1868', severity: 'breaks', message });
  }
  return said;
}

/** Traffic to what a waypoint serves is refused while it cannot be used (docs/waypoints.md). */
function unreadyWaypoint(facts: EnrolmentFacts): readonly Said[] {
  const { name, pods } = waypointOf(facts);
  if (name === undefined || pods.some(isReady)) return [];
  const message = `waypoint ${name}, which it uses, has no pod that is ready`;
  return [{ code: 'AMB1868', severity: 'breaks', message }];
}

function isReady({ status }: PodObject): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
  );
}

/** With STRICT in force clients outside the mesh are refused once the pods are in it. */
function plainClients(facts: EnrolmentFacts): readonly Said[] {
  const { namespace, meshNamespace, peerAuthentications, pods } = facts;
  const modeIn = (place: string) =>
    peerAuthentications.find(
      ({ metadata, spec }) =>
        metadata.namespace === place && Object.keys(spec?.selector?.matchLabels ?? {}).length === 0,
    );
  const own = modeIn(namespace);
  const isOwnSet = (own?.spec?.mtls?.mode ?? 'UNSET') !== 'UNSET';
  const decisive = isOwnSet ? own : modeIn(meshNamespace);
  if (decisive?.spec?.mtls?.mode !== 'STRICT') return [];
  const { metadata } = decisive;
  const outside = pods.filter((pod) => membershipAfter(pod, facts).kind === 'outside');
  const message = `clients outside the mesh will be refused (${outside.length} pods of this cluster, load balancers, NodePorts): PeerAuthentication ${metadata.namespace}/${metadata.name} is STRICT`;
  return [{ code: 'AMB1870', severity: 'risk', message }];
}

/** Ports whose servers speak first, and which no rule takes for TCP by their number (25, 53, 3306, 27017). */
const speakFirst: ReadonlyMap<number, string> = new Map([
  [21, 'FTP'],
  [22, 'SSH'],
  [110, 'POP3'],
  [119, 'NNTP'],
  [143, 'IMAP'],
  [587, 'SMTP'],
  [3307, 'MySQL'],
  [5900, 'VNC'],
  [33_060, 'MySQL'],
]);
const declared =
  /^(?:tcp|udp|grpc|grpc-web|http|http2|https|tls|mongo|redis|mysql|kubernetes\.io\/\w+)(?:-|$)/i;

function speakingServers(facts: EnrolmentFacts): readonly Said[] {
  const { name } = waypointOf(facts);
  if (name === undefined) return [];
  return facts.services.flatMap(({ metadata, spec }) =>
    (spec?.ports ?? []).flatMap((port): readonly Said[] => {
      const protocol = speaksFirst(port);
      if (protocol === undefined || declared.test(port.appProtocol ?? port.name ?? '')) return [];
      const object = `Service ${metadata.namespace}/${metadata.name}`;
      const message = `port ${port.port} declares no protocol, and ${protocol} servers speak first: waypoint ${name} would wait for the client to tell the protocol`;
      return [{ code: 'AMB1867', severity: 'risk', object, message }];
    }),
  );
}

function speaksFirst({ port, targetPort, protocol = 'TCP' }: ServicePort): string | undefined {
  if (protocol !== 'TCP') return undefined;
  return (
    speakFirst.get(port) ??
    (typeof targetPort === 'number' ? speakFirst.get(targetPort) : undefined)
  );
}

const securityLabel = 'pod-security.kubernetes.io/enforce';

/** Joining changes nothing in the pods, so it passes at every level; a waypoint's pod must pass it too. */
function podSecurity(facts: EnrolmentFacts): readonly Said[] {
  const level = labelsOf(facts)[securityLabel];
  if (level === undefined || level === 'privileged') return [];
  const message = `its pods may join at the Pod Security level ${level}, as nothing in them changes; a waypoint in it must pass the level as any pod does`;
  return [{ code: 'AMB1871', severity: 'note', message }];
}

function liveConnections(facts: EnrolmentFacts): readonly Said[] {
  const { known, silent } = facts.connections;
  if (joiningOf(facts).every(({ state }) => state === 'joined' || state === 'outside')) return [];
  const seen =
    known === 0
      ? 'node proxies know of none'
      : `node proxies know of ${known} from or to pods of the mesh`;
  const unknown = silent.length === 0 ? '' : ` (${silent.join(', ')} did not tell)`;
  const message = `connections open at that time are ended once, and opened again by clients: ${seen}${unknown}; those between pods outside the mesh cannot be seen from here`;
  return [{ code: 'AMB1864', severity: known > 0 ? 'risk' : 'note', message }];
}
