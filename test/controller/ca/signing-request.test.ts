import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import * as assert from 'uvu/assert';
import {
  bits,
  fromDer,
  integer,
  oid,
  oids,
  parts,
  sequence,
  tagged,
  toDer,
} from '../../../src/controller/ca/asn1.ts';
import { CertificateAuthority, createRoot } from '../../../src/controller/ca/authority.ts';
import { readSigningRequest } from '../../../src/controller/ca/signing-request.ts';
import { createKeyAndRequest } from '../../../src/dataplane/certificates/key-and-request.ts';
import { parseIdentity } from '../../../src/mesh/identity.ts';
import { fromPem, toPem } from '../../../src/wire/x509/pem.ts';
import { suite } from '../../support/suite.ts';

const test = suite('signing requests and certificates');
const identity = parseIdentity('spiffe://cluster.local/ns/a/sa/b')!;

test('reads what a proxy sends: key and identity', async () => {
  const { csrPem } = await createKeyAndRequest(identity);
  const read = readSigningRequest(csrPem);
  assert.is(read.kind, 'ok');
  if (read.kind === 'ok') assert.equal(read.value.uris, [identity]);
});

test('refuses a request that was changed after it was signed', async () => {
  const { csrPem } = await createKeyAndRequest(identity);
  const der = fromPem('CERTIFICATE REQUEST', csrPem)!;
  const at = der.indexOf('/sa/b');
  der.write('/sa/c', at);
  const read = readSigningRequest(toPem('CERTIFICATE REQUEST', der));
  assert.equal(read, { kind: 'problem', problem: 'its signature is wrong' });
});

test('refuses weak and foreign keys by name', () => {
  const requestWith = (type: 'rsa' | 'ed25519'): string => {
    const { privateKey, publicKey } =
      type === 'rsa'
        ? generateKeyPairSync('rsa', { modulusLength: 1024 })
        : generateKeyPairSync('ed25519');
    const spki = fromDer(publicKey.export({ type: 'spki', format: 'der' }));
    const body = sequence(integer(Buffer.from([0])), sequence(), spki, tagged(0));
    const signature = sign(type === 'rsa' ? 'sha256' : null, toDer(body), privateKey);
    const algorithm = sequence(oid(oids.sha256WithRsa));
    return toPem('CERTIFICATE REQUEST', toDer(sequence(body, algorithm, bits(signature))));
  };
  assert.match(JSON.stringify(readSigningRequest(requestWith('rsa'))), /RSA key has 1024 bits/);
  assert.match(JSON.stringify(readSigningRequest(requestWith('ed25519'))), /of type ed25519/);
});

test('answers a problem for any bytes', () => {
  for (let size = 0; size < 300; size += 7) {
    const read = readSigningRequest(toPem('CERTIFICATE REQUEST', randomBytes(size)));
    assert.is(read.kind, 'problem');
  }
  assert.is(readSigningRequest('x'.repeat(20_000)).kind, 'problem');
});

test('never lets a certificate outlive its authority', async () => {
  const yearMs = 365 * 86_400_000;
  const made = Date.now() - 9.5 * yearMs;
  const authority = new CertificateAuthority(createRoot('cluster.local', made), 'test');
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [leaf = ''] = authority.issue({ publicKey, uris: [identity], ttlMs: yearMs }, Date.now());
  const root = new X509Certificate(authority.rootPem);
  const certificate = new X509Certificate(leaf);
  assert.is(certificate.validTo, root.validTo);
  assert.ok(certificate.checkIssued(root));
  assert.ok(certificate.verify(root.publicKey));
});

test('marks the identity critical when there is no other subject, and uses RFC 5280 times', () => {
  const authority = new CertificateAuthority(createRoot('cluster.local', Date.now()), 'test');
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [leaf = ''] = authority.issue({ publicKey, uris: [identity], ttlMs: 60_000 }, Date.now());
  const der = fromPem('CERTIFICATE', leaf)!;
  const body = parts(parts(fromDer(der))[0]);
  assert.equal(
    parts(body[4]).map(({ type }) => Number(type)),
    [23, 23],
  );
  const extensions = parts(parts(body[7])[0]);
  const altName = toDer(oid(oids.subjectAltName));
  const found = extensions.find((one) => toDer(parts(one)[0]!).equals(altName));
  assert.is(parts(found).length, 3);
});

test('refuses an authority whose key is of another certificate', () => {
  const one = createRoot('cluster.local', Date.now());
  const other = createRoot('cluster.local', Date.now());
  assert.throws(
    () => new CertificateAuthority({ ...one, keyPem: other.keyPem }, 'Secret cacerts'),
    /AMB1636 Secret cacerts ca-key.pem: does not belong to ca-cert.pem/,
  );
});

test.run();
