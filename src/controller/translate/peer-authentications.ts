// PeerAuthentications as DENY policies of node proxies (protocol section 4.10).

import type {
  Authorization,
  AuthorizationGroup,
  AuthorizationMatch,
} from '../../mesh/authorization.ts';
import { byAge, type KubernetesObject, selects } from '../kinds/object.ts';
import type { MutualTlsMode, PeerAuthentication } from '../kinds/security.ts';
import type { MeshOptions } from './mesh-options.ts';
import { emptyMatch } from './policy-rules.ts';

const staticName = 'istio_converted_static_strict';
const convertedPrefix = 'converted_peer_authentication_';

/** Plain text: no identity was proved. */
const unauthenticated: AuthorizationMatch = {
  ...emptyMatch,
  notPrincipals: [{ kind: 'presence' }],
};

const onlyAuthenticated: AuthorizationGroup = { clauses: [{ matches: [unauthenticated] }] };

/** What one PeerAuthentication with a selector demands, inheritance included. */
interface WorkloadRule {
  readonly object: PeerAuthentication;
  /** The policy that workloads refer to; undefined when plain text is accepted everywhere. */
  readonly reference: string | undefined;
}

/** All PeerAuthentications, ready to be asked about pods. */
export interface PeerAuthenticationPolicies {
  /** The policies to publish. */
  readonly authorizations: readonly Authorization[];
  /** The policies that a pod refers to: at most one. */
  referencesOf(pod: KubernetesObject): readonly string[];
}

/** What stands in for invalid PeerAuthentications (AMB1619): each is a policy of its own, so that
 * decisions name it. */
export interface ClosedPeerAuthentications {
  /** In the place of what the author wrote; others may be closer to a workload, or older. */
  readonly inPlace: readonly PeerAuthentication[];
  /** For every workload of the namespace, beside all others: it is not known which were meant. */
  readonly everywhere: readonly PeerAuthentication[];
}

/** Converts all PeerAuthentications in force. */
export function convertPeerAuthentications(
  objects: readonly PeerAuthentication[],
  mesh: MeshOptions,
  closed: ClosedPeerAuthentications = { inPlace: [], everywhere: [] },
): PeerAuthenticationPolicies {
  const oldestFirst = [...objects, ...closed.inPlace].sort(byAge);
  const closedOnes = new Set(closed.inPlace);
  const staticReference = `${mesh.rootNamespace}/${staticName}`;
  const meshDefault = defaultOf(oldestFirst, mesh.rootNamespace) ?? {
    mode: 'PERMISSIVE',
    object: undefined,
  };
  const namespaceDefault = (namespace: string): ModeDefault =>
    namespace === mesh.rootNamespace
      ? meshDefault
      : (defaultOf(oldestFirst, namespace) ?? meshDefault);
  const authorizations: Authorization[] = oldestFirst.length === 0 ? [] : [staticPolicy(mesh)];
  for (const object of closed.inPlace) authorizations.push(converted(object, [onlyAuthenticated]));
  for (const object of closed.everywhere) {
    const scope = object.metadata.namespace === mesh.rootNamespace ? 'global' : 'namespace';
    authorizations.push({ ...converted(object, [onlyAuthenticated]), scope });
  }
  const workloadRules = new Map<string, WorkloadRule[]>();
  for (const object of oldestFirst) {
    const { namespace = '' } = object.metadata;
    if (!hasSelector(object) || namespace === mesh.rootNamespace) continue;
    const conversion = convert(object, namespaceDefault(namespace).mode);
    if (conversion.kind === 'policy') authorizations.push(conversion.authorization);
    const reference =
      conversion.kind === 'policy' || closedOnes.has(object)
        ? convertedReference(object)
        : conversion.kind === 'strict'
          ? staticReference
          : undefined;
    const rules = workloadRules.get(namespace) ?? [];
    rules.push({ object, reference });
    workloadRules.set(namespace, rules);
  }
  return {
    authorizations,
    referencesOf(pod) {
      const namespace = pod.metadata.namespace ?? '';
      const own = workloadRules
        .get(namespace)
        ?.find(({ object }) => selects(object.spec?.selector?.matchLabels, pod.metadata.labels));
      if (own !== undefined) return own.reference === undefined ? [] : [own.reference];
      const { mode, object } = namespaceDefault(namespace);
      if (mode !== 'STRICT') return [];
      return [object && closedOnes.has(object) ? convertedReference(object) : staticReference];
    },
  };
}

/** Whether a PeerAuthentication is for some workloads of its namespace only. */
export function hasSelector(object: PeerAuthentication): boolean {
  return Object.keys(object.spec?.selector?.matchLabels ?? {}).length > 0;
}

/** The mode of workloads that no selector names, and the object that sets it, if any. */
interface ModeDefault {
  readonly mode: MutualTlsMode;
  readonly object: PeerAuthentication | undefined;
}

/** What the oldest selector-less object of a namespace sets; undefined inherits. */
function defaultOf(
  oldestFirst: readonly PeerAuthentication[],
  namespace: string,
): ModeDefault | undefined {
  const object = oldestFirst.find(
    (candidate) => candidate.metadata.namespace === namespace && !hasSelector(candidate),
  );
  const mode = setMode(object?.spec?.mtls?.mode);
  return mode && { mode, object };
}

function setMode(mode: MutualTlsMode | undefined): MutualTlsMode | undefined {
  return mode === 'UNSET' ? undefined : mode;
}

type Conversion =
  | { readonly kind: 'open' }
  | { readonly kind: 'strict' }
  | { readonly kind: 'policy'; readonly authorization: Authorization };

function convert(object: PeerAuthentication, inherited: MutualTlsMode): Conversion {
  const strict = (setMode(object.spec?.mtls?.mode) ?? inherited) === 'STRICT';
  const exceptions = Object.entries(object.spec?.portLevelMtls ?? {})
    .filter(([, { mode }]) => {
      const own = setMode(mode);
      return own !== undefined && (own === 'STRICT') !== strict;
    })
    .map(([port]) => Number(port))
    .sort((left, right) => left - right);
  if (exceptions.length === 0) return { kind: strict ? 'strict' : 'open' };
  const matches = (match: AuthorizationMatch): { matches: AuthorizationMatch[] } => ({
    matches: [match],
  });
  const groups = strict
    ? [
        {
          clauses: [
            matches(unauthenticated),
            ...exceptions.map((port) => matches({ ...emptyMatch, notDestinationPorts: [port] })),
          ],
        },
      ]
    : exceptions.map((port) => ({
        clauses: [matches({ ...unauthenticated, destinationPorts: [port] })],
      }));
  return { kind: 'policy', authorization: converted(object, groups) };
}

function converted(
  object: PeerAuthentication,
  groups: readonly AuthorizationGroup[],
): Authorization {
  const { namespace = '', name } = object.metadata;
  return {
    name: `${convertedPrefix}${name}`,
    namespace,
    scope: 'workload',
    action: 'deny',
    groups,
    dryRun: false,
  };
}

function convertedReference({ metadata }: PeerAuthentication): string {
  return `${metadata.namespace ?? ''}/${convertedPrefix}${metadata.name}`;
}

function staticPolicy(mesh: MeshOptions): Authorization {
  return {
    name: staticName,
    namespace: mesh.rootNamespace,
    scope: 'workload',
    action: 'deny',
    groups: [onlyAuthenticated],
    dryRun: false,
  };
}
