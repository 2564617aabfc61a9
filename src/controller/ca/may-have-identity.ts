// Whether a caller may have a certificate for an identity (protocol section 5.4). Pure.

import { type Identity, identityOf, identityParts, parseIdentity } from '../../mesh/identity.ts';
import type { Caller } from '../caller.ts';
import type { Pod } from '../kinds/core.ts';

/** What the decision rests on beside the caller. */
export interface IdentityRules {
  readonly trustDomain: string;
  /** `NAMESPACE/NAME` of the accounts of node proxies. */
  readonly trustedNodeAccounts: ReadonlySet<string>;
}

/** The pods of the cluster, as far as the decision needs them. */
export interface PodDirectory {
  pod(namespace: string, name: string): Pod | undefined;
  pods(): readonly Pod[];
}

export type IdentityDecision =
  | { readonly kind: 'granted'; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly reason: string };

/** Decides which identity a caller gets: its own, or for node proxies that of a pod on their node. */
export function mayHaveIdentity(
  caller: Caller,
  requested: string | undefined,
  pods: PodDirectory,
  rules: IdentityRules,
): IdentityDecision {
  const { trustDomain } = rules;
  const own = identityOf({ trustDomain, ...accountOf(caller) });
  if (requested === undefined || requested === own) return { kind: 'granted', identity: own };
  const account = `${caller.namespace}/${caller.serviceAccount}`;
  const refuse = (reason: string): IdentityDecision => ({ kind: 'refused', reason });
  if (!rules.trustedNodeAccounts.has(account)) {
    return refuse(`${account} is not among the trusted node accounts, so it gets only ${own}`);
  }
  const identity = parseIdentity(requested);
  if (identity === undefined) return refuse(`${requested} is no identity`);
  const wanted = identityParts(identity);
  if (wanted.trustDomain !== trustDomain) {
    return refuse(`${requested} is not of the trust domain ${trustDomain}`);
  }
  const node = nodeOf(caller, pods);
  if (node.kind === 'unknown') return refuse(node.reason);
  const found = pods
    .pods()
    .some(
      (pod) =>
        pod.metadata.namespace === wanted.namespace &&
        (pod.spec?.serviceAccountName ?? 'default') === wanted.serviceAccount &&
        pod.spec?.nodeName === node.name &&
        pod.status?.phase !== 'Failed',
    );
  if (found) return { kind: 'granted', identity };
  return refuse(`no pod of ${wanted.namespace}/${wanted.serviceAccount} runs on node ${node.name}`);
}

function accountOf(caller: Caller): { namespace: string; serviceAccount: string } {
  return { namespace: caller.namespace, serviceAccount: caller.serviceAccount };
}

function nodeOf(
  caller: Caller,
  pods: PodDirectory,
): { kind: 'known'; name: string } | { kind: 'unknown'; reason: string } {
  if (caller.podName === undefined) {
    return { kind: 'unknown', reason: 'the token is not bound to a pod, so its node is unknown' };
  }
  const name = `${caller.namespace}/${caller.podName}`;
  const pod = pods.pod(caller.namespace, caller.podName);
  if (pod === undefined) {
    // The pod may be too new to have been seen; the API server itself vouches for its node.
    return caller.nodeName === undefined
      ? { kind: 'unknown', reason: `pod ${name} is not known` }
      : { kind: 'known', name: caller.nodeName };
  }
  if (caller.podUid !== undefined && pod.metadata.uid !== caller.podUid) {
    return { kind: 'unknown', reason: `the token is of an earlier pod named ${name}` };
  }
  if ((pod.spec?.serviceAccountName ?? 'default') !== caller.serviceAccount) {
    const account = `${caller.namespace}/${caller.serviceAccount}`;
    return { kind: 'unknown', reason: `pod ${name} does not run as ${account}` };
  }
  const nodeName = pod.spec?.nodeName;
  return nodeName === undefined
    ? { kind: 'unknown', reason: `pod ${name} is on no node` }
    : { kind: 'known', name: nodeName };
}
