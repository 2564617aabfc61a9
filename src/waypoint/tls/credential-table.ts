// The credentials that this waypoint was sent. What is shown of them has no key in it.

import { X509Certificate } from 'node:crypto';
import type { ResourceBatch } from '../../dataplane/subscription-kind.ts';
import type { Credential } from '../../mesh/credential.ts';

/** What operators see of a credential. */
export interface CredentialSummary {
  readonly name: string;
  readonly problem?: string;
  readonly hasPrivateKey: boolean;
  readonly hasAuthorities: boolean;
  readonly hasRevocationLists: boolean;
  readonly certificate?: {
    readonly subject: string;
    readonly names: string;
    readonly validUntil: string;
  };
}

/** By name. */
export class CredentialTable {
  readonly #credentials = new Map<string, Credential>();

  apply(batch: ResourceBatch<Credential>): void {
    for (const name of batch.removed) this.#credentials.delete(name);
    for (const [name, credential] of batch.updated) this.#credentials.set(name, credential);
  }

  get(name: string): Credential | undefined {
    return this.#credentials.get(name);
  }

  /** All of them, redacted. */
  summaries(): readonly CredentialSummary[] {
    return [...this.#credentials.values()].map((one) => {
      const certificate = summaryOf(one.certificateChain);
      return {
        name: one.name,
        ...(one.problem !== undefined && { problem: one.problem }),
        hasPrivateKey: one.privateKey !== undefined,
        hasAuthorities: one.authorities !== undefined,
        hasRevocationLists: one.revocationLists !== undefined,
        ...(certificate && { certificate }),
      };
    });
  }
}

function summaryOf(pem: string | undefined): CredentialSummary['certificate'] {
  if (pem === undefined) return undefined;
  try {
    const { subject, subjectAltName = '', validTo: validUntil } = new X509Certificate(pem);
    return { subject, names: subjectAltName, validUntil };
  } catch {
    return undefined; // the first connection that needs it says what is wrong
  }
}
