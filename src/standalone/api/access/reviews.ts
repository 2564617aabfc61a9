// Requests that ask about access rather than about objects: TokenRequest, TokenReview and the access
// reviews.

import { badRequest, invalid, notFound } from '../api-error.ts';
import { listAt, numberAt, recordAt, textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import type { Core } from '../writes/core.ts';
import { timestamp } from '../writes/core.ts';
import type { Authorizer } from './authorizer.ts';
import type { Subject } from './rbac.ts';
import { type Caller, defaultAudience, type Tokens } from './tokens.ts';

/** Bounds of a token's life, seconds. */
const tokenSeconds = { least: 600, most: 86_400 * 365, usual: 3_600 };

/** Answers a TokenRequest for a ServiceAccount. Throws NotFound, Invalid. */
export function answerTokenRequest(
  core: Core,
  tokens: Tokens,
  place: { readonly namespace: string; readonly name: string },
  body: unknown,
): object {
  const account = core.table.get({ kind: 'serviceaccounts', ...place });
  if (account === undefined) {
    throw notFound({ resource: 'serviceaccounts', group: '', name: place.name });
  }
  const spec = recordAt(body, 'spec') ?? {};
  const seconds = numberAt(spec, 'expirationSeconds') ?? tokenSeconds.usual;
  if (seconds < tokenSeconds.least) {
    throw invalid({ kind: 'TokenRequest', group: 'authentication.k8s.io' }, place.name, [
      {
        field: 'spec.expirationSeconds',
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`,
      },
    ]);
  }
  const asked = listAt(spec, 'audiences').map(String);
  const audiences = asked.length === 0 ? [defaultAudience] : asked;
  const issued = tokens.issue({
    serviceAccount: account,
    pod: boundPod(core, place.namespace, spec),
    audiences,
    seconds: Math.min(seconds, tokenSeconds.most),
  });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: place.name,
      namespace: place.namespace,
      creationTimestamp: timestamp(core.clock),
    },
    spec: { ...spec, audiences, expirationSeconds: seconds },
    status: issued,
  };
}

function boundPod(core: Core, namespace: string, spec: unknown): ApiObject | undefined {
  const bound = recordAt(spec, 'boundObjectRef');
  if (bound === undefined) return undefined;
  if (textAt(bound, 'kind') !== 'Pod') {
    throw badRequest('AMB1207', 'tokens can be bound to pods only: spec.boundObjectRef.kind');
  }
  const name = textAt(bound, 'name') ?? '';
  const pod = core.table.get({ kind: 'pods', namespace, name });
  const uid = textAt(bound, 'uid');
  if (pod === undefined || (uid !== undefined && uid !== pod.metadata.uid)) {
    throw notFound({ resource: 'pods', group: '', name });
  }
  return pod;
}

/** Answers a review that was posted to its collection, or undefined for other resources. */
export function answerReview(
  resource: string,
  { tokens, authorizer }: { tokens: Tokens; authorizer: Authorizer | undefined },
  caller: Caller,
  body: unknown,
): object | undefined {
  const spec = recordAt(body, 'spec') ?? {};
  const review = (kind: string, group: string, status: object): object => ({
    kind,
    apiVersion: `${group}/v1`,
    metadata: { creationTimestamp: null },
    spec,
    status,
  });
  const judged = (subject: Subject): object => authorizer?.review(subject, spec) ?? allowed;
  switch (resource) {
    case 'authentication.k8s.io/tokenreviews':
      return review('TokenReview', 'authentication.k8s.io', reviewOf(tokens, spec));
    case 'authentication.k8s.io/selfsubjectreviews':
      return review('SelfSubjectReview', 'authentication.k8s.io', { userInfo: caller });
    case 'authorization.k8s.io/selfsubjectaccessreviews':
      return review('SelfSubjectAccessReview', 'authorization.k8s.io', judged(caller));
    case 'authorization.k8s.io/subjectaccessreviews':
      return review('SubjectAccessReview', 'authorization.k8s.io', judged(namedIn(spec)));
    case 'authorization.k8s.io/selfsubjectrulesreviews':
      return review('SelfSubjectRulesReview', 'authorization.k8s.io', {
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        incomplete: false,
      });
    default:
      return undefined;
  }
}

const allowed = { allowed: true, reason: 'this API server holds nobody to roles' };

/** Whom a SubjectAccessReview is about. */
function namedIn(spec: unknown): Subject {
  return { username: textAt(spec, 'user') ?? '', groups: listAt(spec, 'groups').map(String) };
}

function reviewOf(tokens: Tokens, spec: unknown): object {
  const wanted = listAt(spec, 'audiences').map(String);
  const audiences = wanted.length === 0 ? [defaultAudience] : wanted;
  const result = tokens.check(textAt(spec, 'token') ?? '', audiences);
  if ('problem' in result) return { authenticated: false, user: {}, error: result.problem };
  return { authenticated: true, user: result.caller, audiences: result.audiences };
}
