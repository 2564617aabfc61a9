// Certificate signing requests (PKCS#10, RFC 2986): read, and believed only when their signature
// proves possession of the key.

import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromPem } from '../../wire/x509/pem.ts';
import { bytesOf, fromDer, oids, oidText, parts, toDer } from './asn1.ts';

/** A request whose signature and key are good. */
export interface SigningRequestFacts {
  readonly publicKey: KeyObject;
  /** URIs that it asks for. */
  readonly uris: readonly string[];
}

export type ReadRequest =
  | { readonly kind: 'ok'; readonly value: SigningRequestFacts }
  | { readonly kind: 'problem'; readonly problem: string };

/** Longer requests are not looked at. */
const maxRequestChars = 16_384;
const minRsaBits = 2048;

const digests: Readonly<Record<string, string>> = {
  [oids.ecdsaWithSha256]: 'sha256',
  [oids.ecdsaWithSha384]: 'sha384',
  [oids.ecdsaWithSha512]: 'sha512',
  [oids.sha256WithRsa]: 'sha256',
  [oids.sha384WithRsa]: 'sha384',
  [oids.sha512WithRsa]: 'sha512',
};

/** Reads and checks a request in PEM. */
export function readSigningRequest(pem: string): ReadRequest {
  const problem = (text: string): ReadRequest => ({ kind: 'problem', problem: text });
  if (pem.length > maxRequestChars)
    return problem(`it is longer than ${maxRequestChars} characters`);
  const der = fromPem('CERTIFICATE REQUEST', pem) ?? fromPem('NEW CERTIFICATE REQUEST', pem);
  if (der === undefined) return problem('it is no PEM block CERTIFICATE REQUEST');
  try {
    const [body, algorithm, signature] = parts(fromDer(der));
    const [, , spki, attributes] = parts(body);
    if (body === undefined || spki === undefined) return problem('it has no PKCS#10 structure');
    const publicKey = createPublicKey({ key: toDer(spki), format: 'der', type: 'spki' });
    const weakness = weaknessOf(publicKey);
    if (weakness !== undefined) return problem(weakness);
    const digest = digests[oidText(parts(algorithm)[0])];
    if (digest === undefined)
      return problem('its signature algorithm is not SHA-2 with ECDSA or RSA');
    // The first byte of a bit string counts unused bits.
    if (!verify(digest, toDer(body), publicKey, bytesOf(signature).subarray(1))) {
      return problem('its signature is wrong');
    }
    return { kind: 'ok', value: { publicKey, uris: urisIn(attributes) } };
  } catch (error) {
    return problem(error instanceof Error ? error.message : String(error));
  }
}

function weaknessOf(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ec':
      return ['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve)
        ? undefined
        : `its key is on the curve ${namedCurve}; use P-256`;
    case 'rsa':
      return modulusLength >= minRsaBits
        ? undefined
        : `its RSA key has ${modulusLength} bits; use ${minRsaBits} or more`;
    default:
      return `its key is of type ${String(key.asymmetricKeyType)}; use ECDSA P-256`;
  }
}

/** URIs of the subject alternative name among the requested extensions. */
function urisIn(attributes: Parameters<typeof parts>[0]): string[] {
  for (const attribute of parts(attributes)) {
    const [type, values] = parts(attribute);
    if (oidText(type) !== oids.extensionRequest) continue;
    for (const extension of parts(parts(values)[0])) {
      const fields = parts(extension);
      if (oidText(fields[0]) !== oids.subjectAltName) continue;
      const names = parts(fromDer(bytesOf(fields.at(-1))));
      return names
        .filter(({ type: tag }) => Number(tag) === 6)
        .map((name) => bytesOf(name).toString());
    }
  }
  return [];
}
