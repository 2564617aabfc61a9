// Workload identities: SPIFFE URIs in Istio's form.

import type { Brand } from './brand.ts';

/** `spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`. */
export type Identity = Brand<'Identity'>;

/** What an identity is made of. */
export interface IdentityParts {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

const scheme = 'spiffe://';
/** What every implementation must take, and none should exceed (SPIFFE-ID, section 2.3). */
const maxLength = 2_048;

/** Parses a SPIFFE URI of Istio's form; anything else is undefined (protocol section 3.1). */
export function parseIdentity(text: string): Identity | undefined {
  return partsIn(text) === undefined ? undefined : (text as Identity);
}

/** Makes an identity from its parts, which must be non-empty and without slashes. */
export function identityOf(parts: IdentityParts): Identity {
  const { trustDomain, namespace, serviceAccount } = parts;
  return `${scheme}${trustDomain}/ns/${namespace}/sa/${serviceAccount}` as Identity;
}

/** Takes an identity apart. */
export function identityParts(identity: Identity): IdentityParts {
  const parts = partsIn(identity);
  if (parts === undefined) throw new TypeError(`not an identity: ${identity}`);
  return parts;
}

/** The form that policies compare: without the scheme. */
export function principalOf(identity: Identity): string {
  return identity.slice(scheme.length);
}

function partsIn(text: string): IdentityParts | undefined {
  if (!text.startsWith(scheme) || text.length > maxLength) return undefined;
  const pieces = text.slice(scheme.length).split('/');
  const [trustDomain, ns, namespace, sa, serviceAccount] = pieces;
  if (pieces.length !== 5 || ns !== 'ns' || sa !== 'sa') return undefined;
  if (!trustDomain || !namespace || !serviceAccount) return undefined;
  return { trustDomain, namespace, serviceAccount };
}
