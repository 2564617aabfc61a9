// Findings that concern no translation in particular: policies that are out of force, and kinds that
// are read and not acted on.

import type { KindName } from '../kinds/kinds.ts';
import { keyOf } from '../kinds/object.ts';
import type { AuthorizationPolicyObject } from '../kinds/security.ts';
import type { ObjectSource } from '../objects.ts';
import { hasTargets } from './authorizations.ts';
import type { Finding } from './finding.ts';
import { hasSelector } from './peer-authentications.ts';
import { acceptedCondition, type Settled } from './valid-versions.ts';

const notTranslated = ['RequestAuthentication'] as const satisfies readonly KindName[];

/** Istio's own conditions on policies whose newest version is not valid. */
export function findingsOnInvalidPolicies(
  settled: Settled<'AuthorizationPolicy'>,
  all: readonly AuthorizationPolicyObject[],
): Finding[] {
  return all
    .filter((object) => settled.invalid.has(keyOf(object)))
    .map((object): Finding => {
      const { namespace = '', name } = object.metadata;
      return {
        object: { kind: 'AuthorizationPolicy', namespace, name },
        type: hasTargets(object) ? 'WaypointAccepted' : 'ZtunnelAccepted',
        status: 'False',
        reason: 'Invalid',
        message: `not valid; see condition ${acceptedCondition}`,
      };
    });
}

/** What is said on objects that are read and have no effect in this version. */
export function findingsOnKinds(objects: ObjectSource): Finding[] {
  return notTranslated.flatMap((kind) =>
    objects.list(kind).map(({ metadata }): Finding => {
      const { namespace = '', name } = metadata;
      return {
        object: { kind, namespace, name },
        type: acceptedCondition,
        status: 'False',
        reason: 'KindNotSupported',
        message: `AMB1611 ${kind} is not supported yet; the object has no effect`,
        code: 'AMB1611',
      };
    }),
  );
}

/** PeerAuthentications of the root namespace with a selector, which Istio's ambient mode ignores. */
export function findingsOnRootSelectors(objects: ObjectSource, rootNamespace: string): Finding[] {
  return objects
    .list('PeerAuthentication')
    .filter((one) => one.metadata.namespace === rootNamespace && hasSelector(one))
    .map(
      ({ metadata }): Finding => ({
        object: { kind: 'PeerAuthentication', namespace: rootNamespace, name: metadata.name },
        type: 'ambit.io/Programmed',
        status: 'False',
        reason: 'SelectorInRootNamespace',
        message: `AMB1610 spec.selector has no meaning in ${rootNamespace}; the object has no effect`,
        code: 'AMB1610',
      }),
    );
}
