// Nothing that a peer, a file or a Secret can hold stops the readers of certificates: every input gives a
// value or a problem.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { CertificateAuthority } from '../../../src/controller/ca/authority.ts';
import { readSigningRequest } from '../../../src/controller/ca/signing-request.ts';
import { bearerToken } from '../../../src/controller/caller.ts';
import { identitiesOf } from '../../../src/dataplane/certificates/certificate-names.ts';
import { createKeyAndRequest } from '../../../src/dataplane/certificates/key-and-request.ts';
import { certificateFrom } from '../../../src/dataplane/certificates/signing-client.ts';
import { AmbitError } from '../../../src/runtime/errors.ts';
import {
  certificateFields,
  maySignLists,
  nameText,
} from '../../../src/wire/x509/certificate-fields.ts';
import { der, derTag, readDer, readDerTime } from '../../../src/wire/x509/der.ts';
import { readPem, toPem } from '../../../src/wire/x509/pem.ts';
import { readRevocationFile } from '../../../src/wire/x509/revocation-file.ts';
import { readRevocationList } from '../../../src/wire/x509/revocation-list.ts';
import { rootNamed } from '../../controller/ca/secrets.ts';
import { issueTo, revocationList, serialOf } from '../../support/revocation-lists.ts';
import { suite } from '../../support/suite.ts';
import { identity } from '../../support/tunnels.ts';

const test = suite('readers of certificates');
const root = rootNamed('root');
const workload = await issueTo(root, identity('web'));
const certificate = new X509Certificate(workload.certChainPem).raw;
const list = revocationList(root, [workload.certChainPem], { reason: 1 });
const { csrPem, privateKeyPem } = await createKeyAndRequest(identity('web'));
const request = readPem('CERTIFICATE REQUEST', csrPem);
const csr = request.kind === 'ok' ? request.value[0]! : Buffer.alloc(0);

const bytes = fc.uint8Array({ maxLength: 300 });

/** A valid encoding with bytes changed, cut out or put in: near enough to get far into a reader. */
function near(valid: Uint8Array): fc.Arbitrary<Buffer> {
  const edit = fc.record({
    at: fc.nat({ max: valid.length - 1 }),
    remove: fc.nat({ max: 3 }),
    put: fc.uint8Array({ maxLength: 3 }),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let changed = Buffer.from(valid);
    for (const { at, remove, put } of edits) {
      changed = Buffer.concat([changed.subarray(0, at), put, changed.subarray(at + remove)]);
    }
    return changed;
  });
}

/** Values in values, with lengths that may lie. */
const nested: fc.Arbitrary<Buffer> = fc
  .array(fc.tuple(fc.constantFrom(0x30, 0x31, 0xa0, 0xa3, 0x24), fc.boolean()), { maxLength: 40 })
  .chain((layers) =>
    bytes.map((core) => {
      let value: Uint8Array = core;
      for (const [tag, lies] of layers) {
        value = der(tag, value);
        if (lies) value[1] = 0x84;
      }
      return Buffer.from(value);
    }),
  );

test('the DER reader answers values that lie within the bytes, or nothing', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, nested, near(certificate)), (input) => {
      const values = readDer(input);
      if (values === undefined) return;
      assert.equal(
        values.reduce((sum, { raw }) => sum + raw.length, 0),
        input.length,
      );
      for (const value of values) {
        assert.ok(value.raw.length >= value.content.length + 2);
        const time = readDerTime(value);
        assert.ok(time === undefined || Number.isSafeInteger(time));
      }
    }),
  );
});

test('what was written is read back', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(derTag)),
      fc.uint8Array({ maxLength: 70_000 }),
      (tag, content) => {
        const [value, ...more] = readDer(der(tag, content)) ?? [];
        assert.equal(value?.tag, tag);
        assert.deepEqual(Buffer.from(value?.content ?? []), Buffer.from(content));
        assert.deepEqual(more, []);
      },
    ),
    { numRuns: 30 },
  );
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 })),
      fc.string(),
      (blocks, between) => {
        const text = blocks.map((one) => toPem('X', one)).join(between.replaceAll('-', ''));
        const read = readPem('X', text);
        assert.equal(read.kind, 'ok');
        if (read.kind === 'ok')
          assert.deepEqual(
            read.value,
            blocks.map((one) => Buffer.from(one)),
          );
      },
    ),
  );
});

test('the PEM splitter answers blocks or a problem for any text', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('-----BEGIN X-----', '-----END X-----', '-----', 'BEGIN X', '\n', 'AAAA', '='),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const read = readPem('X', pieces.join(''));
      if (read.kind === 'problem')
        assert.match(read.problem, /^block \d+ of X (has no end|is not)/);
      else assert.ok(read.value.every((block) => block.length > 0));
    }),
  );
});

test('text of many beginnings is read in one pass', () => {
  const text = '-----BEGIN X-----'.repeat(200_000);
  assert.equal(readPem('X', text).kind, 'problem');
  assert.equal(readPem('X', `-----BEGIN X-----${'\n'.repeat(1_000_000)}`).kind, 'problem');
});

test('certificates are read, or not, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, nested, near(certificate)), (input) => {
      const fields = certificateFields(input);
      if (fields !== undefined) {
        assert.match(fields.serial, /^([0-9A-F]{2})+$/);
        assert.equal(typeof maySignLists(fields), 'boolean');
        assert.equal(typeof nameText(fields.issuer), 'string');
      }
      for (const one of identitiesOf(input)) assert.match(one, /^spiffe:\/\//);
    }),
  );
});

test('revocation lists are read, or a problem says why not', () => {
  const good = readRevocationList(list);
  assert.equal(good.kind, 'ok');
  if (good.kind === 'ok') {
    assert.deepEqual([...good.value.revoked.keys()], [serialOf(workload.certChainPem)]);
    assert.equal([...good.value.revoked.values()][0]?.reason, 'keyCompromise');
  }
  fc.assert(
    fc.property(fc.oneof(bytes, nested, near(list)), (input) => {
      const read = readRevocationList(input);
      if (read.kind === 'problem') assert.ok(read.problem.length > 5);
      else
        for (const { revokedAtMs } of read.value.revoked.values()) assert.ok(revokedAtMs > -1e14);
      const file = readRevocationFile(input);
      const isBlank = Buffer.from(input).toString('latin1').trim() === '';
      assert.ok(isBlank || file.lists.length + file.problems.length > 0);
    }),
  );
});

test('lists of other kinds, with unknown critical parts or by unknown algorithms are problems', () => {
  const problemOf = (bytesOfList: Buffer): string => {
    const read = readRevocationList(bytesOfList);
    return read.kind === 'problem' ? read.problem : 'none';
  };
  const no = Buffer.from(der(derTag.sequence));
  const indirect = Buffer.from(der(derTag.sequence, der(0x84, Uint8Array.of(0xff))));
  const leaf = [workload.certChainPem];
  assert.match(
    problemOf(revocationList(root, leaf, { extensions: [['2.5.29.27', true, no]] })),
    /delta/,
  );
  assert.match(
    problemOf(revocationList(root, leaf, { extensions: [['2.5.29.28', true, indirect]] })),
    /indirect/,
  );
  assert.match(
    problemOf(revocationList(root, leaf, { extensions: [['1.2.3.4', true, no]] })),
    /unknown critical/,
  );
  assert.match(
    problemOf(revocationList(root, leaf, { entryExtensions: [['2.5.29.29', true, no]] })),
    /entry has/,
  );
  assert.equal(
    problemOf(revocationList(root, leaf, { extensions: [['1.2.3.4', false, no]] })),
    'none',
  );
  assert.equal(
    problemOf(revocationList(root, leaf, { extensions: [['2.5.29.28', true, no]] })),
    'none',
  );
  const other = Buffer.from(list);
  const sha256 = Buffer.from('2a8648ce3d040302', 'hex');
  for (let at = other.indexOf(sha256); at !== -1; at = other.indexOf(sha256)) other[at + 7] = 9;
  assert.match(problemOf(other), /algorithm other than/);
});

test('signing requests give a key or a problem, whatever the bytes are', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, nested, near(csr)), (input) => {
      const read = readSigningRequest(toPem('CERTIFICATE REQUEST', input));
      if (read.kind === 'ok') assert.deepEqual(read.value.uris, [identity('web')]);
      else assert.ok(read.problem.length > 5);
    }),
  );
  const deep = Buffer.from(
    Array.from({ length: 3_000 }).reduce<Uint8Array>((inner) => der(0x30, inner), Buffer.alloc(0)),
  );
  assert.equal(readSigningRequest(toPem('CERTIFICATE REQUEST', deep)).kind, 'problem');
});

test('answers of the authority and Secrets give a value or a coded problem', () => {
  const text = fc.oneof(
    fc.string(),
    fc.oneof(bytes, near(certificate)).map((input) => toPem('CERTIFICATE', input)),
    fc.constantFrom(workload.certChainPem, root.certPem, root.keyPem),
  );
  const coded = (body: () => unknown): void => {
    try {
      body();
    } catch (error) {
      assert.ok(error instanceof AmbitError, String(error));
    }
  };
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), (certChain) => {
      coded(() => certificateFrom(identity('web'), privateKeyPem, { certChain }));
    }),
  );
  fc.assert(
    fc.property(text, text, text, (certPem, chainPem, rootPem) => {
      coded(() => new CertificateAuthority({ ...root, certPem, chainPem, rootPem }, 'Secret x'));
      coded(() => new CertificateAuthority({ ...root, chainPem, rootPem }, 'Secret x'));
    }),
  );
});

test('an authorization header gives a token without blanks, or none', () => {
  const piece = fc.constantFrom('Bearer', 'bearer', ' ', '\t', 'a.b-c', '', '\n', 'Basic');
  const header = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(header, (one) => {
      const token = bearerToken(one);
      assert.ok(token === undefined || (/^\S+$/.test(token) && one.includes(token)));
    }),
  );
  assert.equal(bearerToken(`bearer${' '.repeat(200_000)}x y`), undefined);
});

test.run();
