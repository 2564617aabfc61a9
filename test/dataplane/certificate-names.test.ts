// Names in certificates of peers, read from bytes that the peer chose.

import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { identitiesOf, uriNamesOf } from '../../src/dataplane/certificates/certificate-names.ts';
import { der, derTag, readDer } from '../../src/wire/x509/der.ts';
import { TestAuthority } from '../support/certificates.ts';
import { anIdentity, damaged } from '../support/generated.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';

const test = suite('names in certificates');

test('the identity that was issued is read', async () => {
  const authority = new TestAuthority();
  for (const wanted of fc.sample(anIdentity, 5)) {
    const { certChainPem } = await authority.issue(wanted);
    assert.equal(identitiesOf(new X509Certificate(certChainPem).raw), [wanted]);
  }
});

test('values of every length are read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70_000, size: 'max' }), (content) => {
      const read = readDer(der(derTag.octetString, content));
      assert.is(read?.length, 1);
      assert.is(Buffer.compare(read?.[0]?.content ?? new Uint8Array(), content), 0);
    }),
    { numRuns: 30 },
  );
});

test('a damaged certificate has names or none', async () => {
  const { certChainPem } = await new TestAuthority().issue(identity('a'));
  const raw = Uint8Array.from(new X509Certificate(certChainPem).raw);
  fc.assert(
    fc.property(damaged(fc.constant(raw)), (bytes) => {
      for (const name of uriNamesOf(bytes)) assert.type(name, 'string');
      for (const one of identitiesOf(bytes)) assert.match(one, /^spiffe:\/\//);
      readDer(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test.run();
