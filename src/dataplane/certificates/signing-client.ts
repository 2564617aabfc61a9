// Asks the controller to sign (protocol section 5.1), and checks what comes back.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import type { Identity } from '../../mesh/identity.ts';
import { AmbitError } from '../../runtime/errors.ts';
import { certificateService, type SigningResponse } from '../../wire/certificates.ts';
import { type ControllerAccess, openController } from '../subscription-channel.ts';
import { identitiesOf } from './certificate-names.ts';
import { createKeyAndRequest } from './key-and-request.ts';
import type { WorkloadCertificate } from './workload-certificate.ts';

const callTimeoutMs = 10_000;
const usualValidityMs = 24 * 3_600_000;

/** Obtains a certificate for an identity; throws AMB1505, AMB1508 or AMB1509. */
export type CertificateSource = (
  identity: Identity,
  signal: AbortSignal,
) => Promise<WorkloadCertificate>;

/** The controller's certificate service; `validityMs` is how long certificates should last. `impersonate` is how a node proxy asks in the name of the
 * workloads on its node; a workload that asks for itself leaves it out. */
export function signingClient(
  access: ControllerAccess,
  options: { readonly impersonate: boolean; readonly validityMs?: number },
): CertificateSource {
  const { impersonate, validityMs = usualValidityMs } = options;
  return async (identity, signal) => {
    const { privateKeyPem, csrPem } = await createKeyAndRequest(identity);
    const response = await call(
      access,
      {
        csrPem,
        validitySeconds: Math.ceil(validityMs / 1_000),
        ...(impersonate && { impersonatedIdentity: identity }),
      },
      signal,
    );
    return certificateFrom(identity, privateKeyPem, response);
  };
}

async function call(
  access: ControllerAccess,
  request: Parameters<typeof certificateService.CreateCertificate.requestSerialize>[0],
  signal: AbortSignal,
): Promise<SigningResponse> {
  const { client, metadata } = await openController(access).catch((error: unknown) => {
    throw new AmbitError('AMB1505', 'root certificate or token can not be read', { cause: error });
  });
  const { path, requestSerialize, responseDeserialize } = certificateService.CreateCertificate;
  try {
    return await new Promise<SigningResponse>((resolve, reject) => {
      const running = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + callTimeoutMs },
        (error, response) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error('no answer'));
        },
      );
      signal.addEventListener('abort', () => running.cancel(), { once: true });
    });
  } catch (error) {
    throw signingError(access, error);
  } finally {
    client.close();
  }
}

function signingError(access: ControllerAccess, cause: unknown): AmbitError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const refused =
    code === status.UNAUTHENTICATED ||
    code === status.PERMISSION_DENIED ||
    code === status.INVALID_ARGUMENT;
  return refused
    ? new AmbitError('AMB1508', `${access.address} did not sign`, { cause })
    : new AmbitError('AMB1505', `${access.address} could not be asked`, { cause });
}

/** Puts key and answer together; throws AMB1509 when they do not fit. */
export function certificateFrom(
  identity: Identity,
  privateKeyPem: string,
  { certChain }: SigningResponse,
): WorkloadCertificate {
  const rootsPem = certChain.at(-1);
  const chain = certChain.slice(0, -1);
  if (rootsPem === undefined || chain[0] === undefined) {
    throw new AmbitError('AMB1509', `the chain has ${certChain.length} parts`, {
      object: identity,
    });
  }
  try {
    const leaf = new X509Certificate(chain[0]);
    const named = identitiesOf(leaf.raw);
    if (named[0] !== identity) {
      throw new AmbitError('AMB1509', `it is for ${named.join(', ') || 'nobody'}`);
    }
    if (!leaf.checkPrivateKey(createPrivateKey(privateKeyPem))) {
      throw new AmbitError('AMB1509', 'it is for another key');
    }
    return {
      identity,
      certChainPem: chain.map(withNewline).join(''),
      privateKeyPem,
      rootsPem,
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
    };
  } catch (cause) {
    if (cause instanceof AmbitError) throw cause;
    throw new AmbitError('AMB1509', 'the chain can not be read', { object: identity, cause });
  }
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}
