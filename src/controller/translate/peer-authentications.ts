// PeerAuthentications as DENY policies of node proxies (protocol section 4.10).

import type { Authorization, AuthorizationMatch } from '../../mesh/authorization.ts';
import type { Pod } from '../kinds/core.ts';
import { byAge, selects } from '../kinds/object.ts';
import type { MutualTlsMode, PeerAuthentication } from '../kinds/security.ts';
import type { MeshOptions } from './mesh-options.ts';
import { emptyMatch } from './policy-rules.ts';

const staticName = 'istio_converted_static_strict';

/** Plain text: no identity was proved. */
const unauthenticated: AuthorizationMatch = {
  ...emptyMatch,
  notPrincipals: [{ kind: 'presence' }],
};

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
  referencesOf(pod: Pod): readonly string[];
}

/** Converts all valid PeerAuthentications. */
export function convertPeerAuthentications(
  objects: readonly PeerAuthentication[],
  mesh: MeshOptions,
): PeerAuthenticationPolicies {
  const oldestFirst = [...objects].sort(byAge);
  const staticReference = `${mesh.rootNamespace}/${staticName}`;
  const meshMode = modeOf(oldestFirst, mesh.rootNamespace) ?? 'PERMISSIVE';
  const namespaceMode = (namespace: string): MutualTlsMode =>
    namespace === mesh.rootNamespace ? meshMode : (modeOf(oldestFirst, namespace) ?? meshMode);
  const authorizations: Authorization[] = objects.length === 0 ? [] : [staticPolicy(mesh)];
  const workloadRules = new Map<string, WorkloadRule[]>();
  for (const object of oldestFirst) {
    const { namespace = '' } = object.metadata;
    if (!hasSelector(object) || namespace === mesh.rootNamespace) continue;
    const converted = convert(object, namespaceMode(namespace));
    if (converted.kind === 'policy') authorizations.push(converted.authorization);
    const reference =
      converted.kind === 'policy'
        ? `${namespace}/${converted.authorization.name}`
        : converted.kind === 'strict'
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
      return namespaceMode(namespace) === 'STRICT' ? [staticReference] : [];
    },
  };
}

/** Whether a PeerAuthentication is for some workloads of its namespace only. */
export function hasSelector(object: PeerAuthentication): boolean {
  return Object.keys(object.spec?.selector?.matchLabels ?? {}).length > 0;
}

/** The mode that the oldest selector-less object of a namespace sets; undefined inherits. */
function modeOf(
  oldestFirst: readonly PeerAuthentication[],
  namespace: string,
): MutualTlsMode | undefined {
  const object = oldestFirst.find(
    (candidate) => candidate.metadata.namespace === namespace && !hasSelector(candidate),
  );
  return setMode(object?.spec?.mtls?.mode);
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
  const { namespace = '', name } = object.metadata;
  return {
    kind: 'policy',
    authorization: {
      name: `converted_peer_authentication_${name}`,
      namespace,
      scope: 'workload',
      action: 'deny',
      groups,
      dryRun: false,
    },
  };
}

function staticPolicy(mesh: MeshOptions): Authorization {
  return {
    name: staticName,
    namespace: mesh.rootNamespace,
    scope: 'workload',
    action: 'deny',
    groups: [{ clauses: [{ matches: [unauthenticated] }] }],
    dryRun: false,
  };
}
