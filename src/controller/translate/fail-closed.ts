// What stands in for a security object that is invalid and of which no valid version is known. Leaving
// it out could open access, so it is taken at its strictest, for what it selects (design principle:
// fail closed, and say so).

import type { KubernetesObject } from '../kinds/object.ts';
import type {
  AuthorizationPolicyObject,
  AuthorizationPolicySpec,
  LabelSelector,
  PeerAuthentication,
  TargetReference,
} from '../kinds/security.ts';
import { isDryRun } from './authorizations.ts';
import type { MeshOptions } from './mesh-options.ts';
import { type ClosedPeerAuthentications, hasSelector } from './peer-authentications.ts';
import { type Consequence, notInForce } from './valid-versions.ts';
import { selectorProblems, targetProblems } from './validate-selection.ts';

/** What stands in for an invalid policy. */
export interface Closed<T> {
  /** None when leaving the policy out opens nothing. */
  readonly replacements: readonly T[];
  readonly consequence: Consequence;
}

/** An ALLOW policy that allows nothing, or a DENY policy that denies everything. An unreadable action
 * denies. A dry run, and actions that nothing enforces, have no effect either way. */
export function closeAuthorizationPolicy(
  policy: AuthorizationPolicyObject,
  mesh: MeshOptions,
): Closed<AuthorizationPolicyObject> {
  const spec = fieldsOf(policy.spec) as AuthorizationPolicySpec;
  const { action = 'ALLOW' } = spec;
  if (isDryRun(policy)) return leftOut('; it is a dry run, without effect in any case');
  if (action === 'AUDIT' || action === 'CUSTOM') {
    return leftOut(`; action ${action} is not enforced in any case (AMB1610)`);
  }
  const strictest =
    action === 'ALLOW'
      ? ({ action, rules: [] } as const)
      : ({ action: 'DENY', rules: [{}] } as const);
  const places = placesOf(policy, spec);
  const where = places === undefined ? wholeOf(policy, mesh) : 'what it selects';
  const does = action === 'ALLOW' ? 'allows nothing' : 'denies everything';
  return {
    replacements: (places ?? [{}]).map((place) => ({
      ...policy,
      spec: { ...strictest, ...place },
    })),
    consequence: closed(`${does} for ${where}`),
  };
}

/** Mutual TLS for everything that the object selects. In the root namespace an object with a selector
 * has no effect in any case. */
export function closePeerAuthentication(
  object: PeerAuthentication,
  mesh: MeshOptions,
): Closed<PeerAuthentication> {
  const selector = readableSelector(object);
  if (selector === 'unreadable') {
    const spec = { mtls: { mode: 'STRICT' } } as const;
    const consequence = closed(`demands mutual TLS (STRICT) for ${wholeOf(object, mesh)}`);
    return { replacements: [{ ...object, spec }], consequence };
  }
  const spec = { mtls: { mode: 'STRICT' }, ...(selector && { selector }) } as const;
  const replacement = { ...object, spec };
  if (hasSelector(replacement) && object.metadata.namespace === mesh.rootNamespace) {
    return leftOut('; a selector has no meaning in this namespace in any case (AMB1610)');
  }
  const consequence = closed('demands mutual TLS (STRICT) for what it selects');
  return { replacements: [replacement], consequence };
}

/** Where a policy without a selector applies. */
function wholeOf({ metadata }: KubernetesObject, mesh: MeshOptions): string {
  return metadata.namespace === mesh.rootNamespace ? 'the whole mesh' : 'its whole namespace';
}

/** Closes several, apart by whether it is known which workloads were meant. */
export function closePeerAuthentications(
  objects: readonly PeerAuthentication[],
  mesh: MeshOptions,
): ClosedPeerAuthentications {
  const close = (object: PeerAuthentication) => closePeerAuthentication(object, mesh).replacements;
  const isUnreadable = (object: PeerAuthentication) => readableSelector(object) === 'unreadable';
  return {
    inPlace: objects.filter((object) => !isUnreadable(object)).flatMap(close),
    everywhere: objects.filter(isUnreadable).flatMap(close),
  };
}

function readableSelector({ spec }: PeerAuthentication): LabelSelector | undefined | 'unreadable' {
  const { selector } = fieldsOf(spec) as { selector?: LabelSelector };
  return selectorProblems(selector).length > 0 ? 'unreadable' : selector;
}

type Place = Pick<AuthorizationPolicySpec, 'selector' | 'targetRefs'>;

/** Where a policy applies; undefined when that cannot be read. With both a selector and targets, which
 * is one of the mistakes, it is both. */
function placesOf(
  policy: AuthorizationPolicyObject,
  spec: AuthorizationPolicySpec,
): readonly Place[] | undefined {
  const { selector, targetRef, targetRefs } = spec;
  if (selectorProblems(selector).length > 0) return undefined;
  if (targetProblems(policy).length > 0) return undefined;
  const targets: readonly TargetReference[] = [
    ...(targetRef ? [targetRef] : []),
    ...(targetRefs ?? []),
  ];
  const places: Place[] = [];
  if (selector) places.push({ selector });
  if (targets.length > 0) places.push({ targetRefs: targets });
  return places.length === 0 ? [{}] : places;
}

function closed(effect: string): Consequence {
  return {
    code: 'AMB1619',
    text: `no valid version is known, so until it is corrected it ${effect}`,
  };
}

function leftOut(because: string): { replacements: readonly never[]; consequence: Consequence } {
  return {
    replacements: [],
    consequence: { code: notInForce.code, text: `${notInForce.text}${because}` },
  };
}

/** The fields of a value that should be an object. */
function fieldsOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
