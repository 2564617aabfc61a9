// A workload's certificate, its key and what it trusts.

import type { Identity } from '../../mesh/identity.ts';

/** Everything mutual TLS needs in the name of one workload. */
export interface WorkloadCertificate {
  readonly identity: Identity;
  /** Leaf and intermediates. */
  readonly certChainPem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** What peers are checked against: the roots that came with the certificate. */
  readonly rootsPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}
