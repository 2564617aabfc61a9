// How tunnels use TLS: 1.3 only, both sides with certificates, no session reuse, no server name
// (protocol section 3.1).

import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { type Identity, identityParts } from '../../mesh/identity.ts';
import { identitiesOf } from './certificate-names.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

/** The two suites that Istio's proxies offer. */
const cipherSuites = 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256';

/** The options of a secure context that shows a certificate and trusts its roots. */
export function contextOptions(certificate: WorkloadCertificate) {
  return {
    cert: certificate.certChainPem,
    key: certificate.privateKeyPem,
    ca: certificate.rootsPem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: cipherSuites,
    // A resumed session would not show the peer's certificate chain to a changed root bundle.
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}

/** Secure contexts by certificate, so that each is built once. */
export class SecureContexts {
  readonly #contexts = new WeakMap<WorkloadCertificate, SecureContext>();

  of(certificate: WorkloadCertificate): SecureContext {
    const known = this.#contexts.get(certificate);
    if (known !== undefined) return known;
    const context = createSecureContext(contextOptions(certificate));
    this.#contexts.set(certificate, context);
    return context;
  }
}

/** What a peer proved: every SPIFFE identity of its certificate. */
export function provedIdentities(socket: TLSSocket): readonly Identity[] {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? [] : identitiesOf(certificate.raw);
}

/** The server's check: the first identity, if any is of the server's own trust domain. */
export function acceptedClient(proved: readonly Identity[], own: Identity): Identity | undefined {
  const { trustDomain } = identityParts(own);
  const known = proved.some((identity) => identityParts(identity).trustDomain === trustDomain);
  return known ? proved[0] : undefined;
}

/** The client's check: a proved identity that is exactly one of the expected ones. */
export function acceptedServer(
  proved: readonly Identity[],
  expected: readonly Identity[],
): Identity | undefined {
  return proved.find((identity) => expected.includes(identity));
}
