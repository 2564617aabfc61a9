// A certificate authority for tests, made with node:crypto and our own DER writer: no openssl.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { createKeyAndRequest } from '../../src/dataplane/certificates/key-and-request.ts';
import type { WorkloadCertificate } from '../../src/dataplane/certificates/workload-certificate.ts';
import { type Identity, parseIdentity } from '../../src/mesh/identity.ts';
import { contextTag, der, derOid, derTag, readDer } from '../../src/wire/x509/der.ts';
import { toPem } from '../../src/wire/x509/pem.ts';

const { sequence, set, integer, boolean, octetString, bitString } = derTag;
const ecdsaWithSha256 = der(sequence, derOid('1.2.840.10045.4.3.2'));
const dayMs = 86_400_000;

export interface IssueOptions {
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

/** Issues certificates below one self-signed root. */
export class TestAuthority {
  readonly rootPem: string;
  readonly #key: KeyObject;
  readonly #name: Uint8Array;

  constructor(name = 'test root') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = privateKey;
    this.#name = distinguishedName(name);
    const basicConstraints = extension('2.5.29.19', true, der(sequence, derBoolean(true)));
    this.rootPem = this.#certificate(this.#name, publicKey, [basicConstraints], {});
  }

  /** A workload's certificate with a new key. */
  async issue(identity: Identity, options: IssueOptions = {}): Promise<WorkloadCertificate> {
    const { privateKeyPem } = await createKeyAndRequest(identity);
    const publicKey = createPublicKey(createPrivateKey(privateKeyPem));
    const certChainPem = this.#leaf(publicKey, [identity], options);
    const { validFrom, validTo } = new X509Certificate(certChainPem);
    return {
      identity,
      certChainPem,
      privateKeyPem,
      rootsPem: this.rootPem,
      notBeforeMs: Date.parse(validFrom),
      notAfterMs: Date.parse(validTo),
    };
  }

  /** Signs a request as Istio's certificate service does: leaf first, root last. */
  sign(csrPem: string, options: IssueOptions = {}): string[] {
    const { publicKey, uris } = readRequest(csrPem);
    const identity = parseIdentity(uris[0] ?? '');
    if (identity === undefined) throw new TypeError('the request names no identity');
    return [this.#leaf(publicKey, [identity], options), this.rootPem];
  }

  /** A server certificate for DNS names and addresses, as a controller shows it. */
  server(names: readonly string[]): { certPem: string; keyPem: string } {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const altNames = names.map((name) =>
      /^[\d.]+$/.test(name)
        ? der(0x87, Uint8Array.from(name.split('.').map(Number)))
        : der(0x82, Buffer.from(name)),
    );
    const altName = extension('2.5.29.17', false, der(sequence, ...altNames));
    const certPem = this.#certificate(distinguishedName(names[0] ?? 'x'), publicKey, [altName], {});
    return { certPem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }

  #leaf(publicKey: KeyObject, identities: readonly string[], options: IssueOptions): string {
    const uris = identities.map((uri) => der(0x86, Buffer.from(uri, 'latin1')));
    const altName = extension('2.5.29.17', true, der(sequence, ...uris));
    const usages = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'].map(derOid);
    const usage = extension('2.5.29.37', false, der(sequence, ...usages));
    return this.#certificate(der(sequence), publicKey, [altName, usage], options);
  }

  #certificate(
    subject: Uint8Array,
    publicKey: KeyObject,
    extensions: readonly Uint8Array[],
    options: IssueOptions,
  ): string {
    const { notBeforeMs = Date.now() - 120_000, notAfterMs = Date.now() + dayMs } = options;
    const serial = randomBytes(8);
    serial[0] = (serial[0]! & 0x7f) | 0x40;
    const body = der(
      sequence,
      der(contextTag(0), der(integer, Uint8Array.of(2))),
      der(integer, serial),
      ecdsaWithSha256,
      this.#name,
      der(sequence, derTime(notBeforeMs), derTime(notAfterMs)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      der(contextTag(3), der(sequence, ...extensions)),
    );
    const signature = sign('sha256', body, this.#key);
    const bytes = der(sequence, body, ecdsaWithSha256, der(bitString, Uint8Array.of(0), signature));
    return toPem('CERTIFICATE', bytes);
  }
}

/** The public key and URI names in a PKCS#10 request. */
export function readRequest(csrPem: string): { publicKey: KeyObject; uris: string[] } {
  const bytes = Buffer.from(csrPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const body = readDer(readDer(readDer(bytes)![0]!.content)![0]!.content)!;
  const spki = der(sequence, body[2]!.content);
  const publicKey = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
  const attribute = readDer(readDer(body[3]!.content)![0]!.content)!;
  const altName = readDer(readDer(readDer(attribute[1]!.content)![0]!.content)![0]!.content)!;
  const names = readDer(readDer(altName.at(-1)!.content)![0]!.content)!;
  const uris = names.filter((name) => name.tag === 0x86);
  return { publicKey, uris: uris.map((name) => Buffer.from(name.content).toString('latin1')) };
}

function distinguishedName(name: string): Uint8Array {
  const commonName = der(sequence, derOid('2.5.4.3'), der(0x0c, Buffer.from(name)));
  return der(sequence, der(set, commonName));
}

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  const flag = critical ? [derBoolean(true)] : [];
  return der(sequence, derOid(oid), ...flag, der(octetString, value));
}

function derBoolean(value: boolean): Uint8Array {
  return der(boolean, Uint8Array.of(value ? 0xff : 0));
}

/** UTCTime, as RFC 5280 demands until 2049. */
function derTime(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${text}Z`));
}
