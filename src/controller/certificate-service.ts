// The certificate service with what it needs to know: who may ask, for whom, and for how long.

import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import type { SigningAuthority } from './ca/authority.ts';
import type { PodDirectory } from './ca/may-have-identity.ts';
import { SigningServer } from './ca/signing-server.ts';
import type { TokenVerifier } from './caller.ts';
import type { ObjectTables } from './objects.ts';
import type { ControllerSettings } from './settings.ts';

/** What the service is made of. */
export interface CertificateServiceParts {
  readonly authority: SigningAuthority;
  readonly verifier: TokenVerifier;
  readonly tables: ObjectTables;
  readonly settings: ControllerSettings;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onIssued: () => void;
}

/** Makes the service. */
export function signingServer(parts: CertificateServiceParts): SigningServer {
  const { authority, verifier, tables, settings, clock, log, onIssued } = parts;
  const pods: PodDirectory = {
    pod: (namespace, name) => tables.get('Pod', namespace, name),
    pods: () => tables.list('Pod'),
  };
  return new SigningServer({
    authority,
    verifier,
    pods,
    rules: {
      trustDomain: settings.TRUST_DOMAIN,
      trustedNodeAccounts: new Set(
        settings.CA_TRUSTED_NODE_ACCOUNTS.split(',').map((account) => account.trim()),
      ),
    },
    lifetimes: {
      defaultMs: settings.DEFAULT_WORKLOAD_CERT_TTL_SECONDS * 1000,
      maxMs: settings.MAX_WORKLOAD_CERT_TTL_SECONDS * 1000,
    },
    clock,
    log,
    onIssued,
  });
}
