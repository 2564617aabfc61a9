// The certificate service (protocol section 5): checks the caller, then request in, certificate out.

import { type handleUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain, codeOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { SigningRequest, SigningResponse } from '../../wire/certificates.ts';
import { bearerToken, type TokenVerifier } from '../caller.ts';
import type { SigningAuthority } from './authority.ts';
import { type IdentityRules, mayHaveIdentity, type PodDirectory } from './may-have-identity.ts';
import { readSigningRequest } from './signing-request.ts';

/** How long certificates last. */
export interface CertificateLifetimes {
  readonly defaultMs: number;
  readonly maxMs: number;
}

/** Shorter certificates would be renewed all the time. */
const minValidityMs = 60_000;

export interface SigningServerParts {
  readonly authority: SigningAuthority;
  readonly verifier: TokenVerifier;
  readonly pods: PodDirectory;
  readonly rules: IdentityRules;
  readonly lifetimes: CertificateLifetimes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of every certificate, for metrics. */
  readonly onIssued?: () => void;
}

/** Answers signing requests. */
export class SigningServer {
  readonly #parts: SigningServerParts;

  constructor(parts: SigningServerParts) {
    this.#parts = parts;
  }

  /** The handler of CreateCertificate. */
  readonly handle: handleUnaryCall<SigningRequest, SigningResponse> = (call, answer) => {
    const header = call.metadata.get('authorization')[0];
    this.sign(call.request, header === undefined ? undefined : header.toString())
      .then((response) => answer(null, response))
      .catch((error: unknown) => {
        const code = codeOf(error);
        this.#parts.log.warn({ code, peer: call.getPeer() }, `not signed: ${causeChain(error)}`);
        const failure: Partial<ServiceError> = {
          code: grpcStatus(code),
          details: causeChain(error),
        };
        answer(failure);
      });
  };

  /** Decides on a request and issues the certificate. Rejects with AMB1631 to AMB1635. */
  async sign(request: SigningRequest, authorization: string | undefined): Promise<SigningResponse> {
    const { authority, verifier, pods, rules, lifetimes, clock, log } = this.#parts;
    const token = bearerToken(authorization);
    if (token === undefined) throw new AmbitError('AMB1631', 'there is no bearer token');
    const caller = await verifier.verify(token);
    const decision = mayHaveIdentity(caller, request.impersonatedIdentity, pods, rules);
    if (decision.kind === 'refused') throw new AmbitError('AMB1633', decision.reason);
    const read = readSigningRequest(request.csrPem);
    if (read.kind === 'problem') throw new AmbitError('AMB1634', read.problem);
    const { identity } = decision;
    const others = read.value.uris.filter((uri) => uri !== identity);
    if (others.length > 0) {
      throw new AmbitError(
        'AMB1634',
        `it asks for ${others.join(', ')}, the caller for ${identity}`,
      );
    }
    const ttlMs = lifetimeFor(request.validitySeconds, lifetimes);
    const { publicKey } = read.value;
    const chain = authority.issue({ publicKey, uris: [identity], ttlMs }, clock.now());
    const by = `${caller.namespace}/${caller.podName ?? caller.serviceAccount}`;
    this.#parts.onIssued?.();
    log.info({ identity, by, ttlSeconds: ttlMs / 1000 }, 'signed a certificate');
    return { certChain: [...chain, authority.rootPem] };
  }
}

/** How long a certificate lasts that was asked for with a validity in seconds; nothing or less means the
 * default. Throws AMB1635. */
export function lifetimeFor(
  validitySeconds: number,
  { defaultMs, maxMs }: CertificateLifetimes,
): number {
  if (validitySeconds <= 0) return defaultMs;
  const asked = validitySeconds * 1000;
  const refuse = (limit: string): never => {
    throw new AmbitError('AMB1635', `${validitySeconds} s asked for, ${limit} s given`);
  };
  if (asked > maxMs) refuse(`at most ${maxMs / 1000}`);
  if (asked < minValidityMs) refuse(`at least ${minValidityMs / 1000}`);
  return asked;
}

function grpcStatus(code: string): status {
  switch (code) {
    case 'AMB1631':
    case 'AMB1633':
      return status.UNAUTHENTICATED;
    case 'AMB1634':
    case 'AMB1635':
      return status.INVALID_ARGUMENT;
    default:
      return status.UNAVAILABLE;
  }
}
