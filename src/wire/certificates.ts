// The certificate service between proxies and controller (protocol section 5.1), as plain values and
// as a gRPC method.

import { create, fromBinary, type JsonObject, toBinary } from '@bufbuild/protobuf';
import {
  IstioCertificateRequestSchema,
  IstioCertificateResponseSchema,
} from './gen/istio/ca_pb.ts';

/** A request to sign. */
export interface SigningRequest {
  /** PKCS#10 in PEM. */
  readonly csrPem: string;
  readonly validitySeconds: number;
  /** The SPIFFE URI that a node proxy asks for; absent when a workload asks for its own. */
  readonly impersonatedIdentity?: string;
}

/** PEM texts: the leaf, intermediates, and last the roots (which may be several blocks). */
export interface SigningResponse {
  readonly certChain: readonly string[];
}

/** Writes a signing request. */
export function encodeSigningRequest(request: SigningRequest): Buffer {
  const { csrPem, validitySeconds, impersonatedIdentity } = request;
  const metadata: JsonObject | undefined =
    impersonatedIdentity === undefined ? undefined : { ImpersonatedIdentity: impersonatedIdentity };
  const message = create(IstioCertificateRequestSchema, {
    csr: csrPem,
    validityDuration: BigInt(Math.trunc(validitySeconds)),
    ...(metadata && { metadata }),
  });
  return Buffer.from(toBinary(IstioCertificateRequestSchema, message));
}

/** Reads a signing request; throws on bytes that are none, as gRPC expects of a deserializer. */
export function decodeSigningRequest(bytes: Uint8Array): SigningRequest {
  const message = fromBinary(IstioCertificateRequestSchema, bytes);
  const impersonated = message.metadata?.['ImpersonatedIdentity'];
  return {
    csrPem: message.csr,
    validitySeconds: Number(message.validityDuration),
    ...(typeof impersonated === 'string' && { impersonatedIdentity: impersonated }),
  };
}

/** Writes the answer. */
export function encodeSigningResponse(response: SigningResponse): Buffer {
  const message = create(IstioCertificateResponseSchema, { certChain: [...response.certChain] });
  return Buffer.from(toBinary(IstioCertificateResponseSchema, message));
}

/** Reads the answer; throws on bytes that are none, as gRPC expects of a deserializer. */
export function decodeSigningResponse(bytes: Uint8Array): SigningResponse {
  return { certChain: fromBinary(IstioCertificateResponseSchema, bytes).certChain };
}

/** The service in the form of a gRPC service definition. */
export const certificateService = {
  CreateCertificate: {
    path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeSigningRequest,
    requestDeserialize: decodeSigningRequest,
    responseSerialize: encodeSigningResponse,
    responseDeserialize: decodeSigningResponse,
  },
} as const;
