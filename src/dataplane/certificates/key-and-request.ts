// A key pair and the request to have it signed, PKCS#10 (RFC 2986) as Istio's CA expects it: ECDSA
// P-256, empty subject, one critical URI name (protocol section 5.3).

import { generateKeyPair, type KeyObject, sign } from 'node:crypto';
import { promisify } from 'node:util';
import type { Identity } from '../../mesh/identity.ts';
import { contextTag, der, derOid, derTag } from '../../wire/x509/der.ts';
import { toPem } from '../../wire/x509/pem.ts';

const makeKeyPair = promisify(generateKeyPair);

export interface KeyAndRequest {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  readonly csrPem: string;
}

/** Makes a new key and its signing request. */
export async function createKeyAndRequest(identity: Identity): Promise<KeyAndRequest> {
  const { privateKey, publicKey } = await makeKeyPair('ec', { namedCurve: 'P-256' });
  const csr = signingRequest(identity, privateKey, publicKey);
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    csrPem: toPem('CERTIFICATE REQUEST', csr),
  };
}

function signingRequest(identity: Identity, privateKey: KeyObject, publicKey: KeyObject) {
  const { sequence, set, integer, boolean, octetString, bitString } = derTag;
  const uri = der(0x86, Buffer.from(identity, 'latin1'));
  const altName = der(
    sequence,
    derOid('2.5.29.17'),
    der(boolean, Uint8Array.of(0xff)),
    der(octetString, der(sequence, uri)),
  );
  const extensionRequest = der(
    sequence,
    derOid('1.2.840.113549.1.9.14'),
    der(set, der(sequence, altName)),
  );
  const body = der(
    sequence,
    der(integer, Uint8Array.of(0)),
    der(sequence),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(contextTag(0), extensionRequest),
  );
  const signature = sign('sha256', body, privateKey);
  const ecdsaWithSha256 = der(sequence, derOid('1.2.840.10045.4.3.2'));
  return der(sequence, body, ecdsaWithSha256, der(bitString, Uint8Array.of(0), signature));
}
