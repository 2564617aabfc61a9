import * as assert from 'uvu/assert';
import type { PeerAuthentication } from '../../../src/controller/kinds/security.ts';
import type { Problem } from '../../../src/controller/translate/finding.ts';
import { ValidVersions } from '../../../src/controller/translate/valid-versions.ts';
import { suite } from '../../support/suite.ts';

const test = suite('last valid versions');

const object = (generation: number, mode: string, uid = 'u1'): PeerAuthentication => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { name: 'p', namespace: 'n', uid, generation },
  spec: { mtls: { mode: mode as 'STRICT' } },
});
const validate = ({ spec }: PeerAuthentication): Problem[] =>
  spec?.mtls?.mode === 'STRICT'
    ? []
    : [{ code: 'AMB1601', field: 'spec.mtls.mode', text: 'is wrong' }];
const settle = (versions: ValidVersions, ...objects: PeerAuthentication[]) => {
  const { objects: inForce, findings } = versions.settle('PeerAuthentication', objects, validate);
  return {
    inForce: inForce.map(({ metadata }) => metadata.generation),
    messages: findings.map(({ message }) => message),
    codes: findings.map(({ code }) => code),
  };
};

test('an invalid edit leaves the older version in force', () => {
  const versions = new ValidVersions();
  assert.equal(settle(versions, object(1, 'STRICT')).inForce, [1]);
  const edited = settle(versions, object(2, 'STRIKT'));
  assert.equal(edited.inForce, [1]);
  assert.equal(edited.codes, ['AMB1601']);
  assert.match(
    edited.messages[0]!,
    /AMB1601 spec.mtls.mode: is wrong; the last valid version \(generation 1\) stays in force/,
  );
  assert.equal(settle(versions, object(3, 'STRICT')).inForce, [3]);
});

test('an object that was never valid is not in force, and says so', () => {
  const { inForce, codes, messages } = settle(new ValidVersions(), object(1, 'STRIKT'));
  assert.equal(inForce, []);
  assert.equal(codes, ['AMB1613']);
  assert.match(messages[0]!, /NOT in force/);
});

test('an object made anew under the old name inherits nothing', () => {
  const versions = new ValidVersions();
  settle(versions, object(1, 'STRICT'));
  assert.equal(settle(versions, object(1, 'STRIKT', 'u2')).inForce, []);
});

test('a deleted object is forgotten', () => {
  const versions = new ValidVersions();
  settle(versions, object(1, 'STRICT'));
  assert.equal(settle(versions).inForce, []);
  assert.equal(settle(versions, object(2, 'STRIKT')).inForce, []);
});

test('a field of an unexpected type makes that object invalid, and no other', () => {
  const versions = new ValidVersions();
  const settled = versions.settle(
    'PeerAuthentication',
    [object(1, 'STRICT'), { ...object(1, 'STRICT'), metadata: { name: 'odd' } }],
    (one) => {
      if (one.metadata.name === 'odd') throw new TypeError('list is not iterable');
      return [];
    },
  );
  assert.is(settled.objects.length, 1);
  assert.match(settled.findings[1]!.message, /unexpected type \(TypeError: list is not iterable\)/);
});

test('only the versions of invalid objects are given out to be saved', () => {
  const versions = new ValidVersions();
  settle(versions, object(1, 'STRICT'));
  assert.equal(versions.kept, []);
  settle(versions, object(2, 'STRIKT'));
  assert.equal(versions.kept, [
    { kind: 'PeerAuthentication', valid: object(1, 'STRICT'), invalidGeneration: 2 },
  ]);
  settle(versions, object(3, 'STRIKT'));
  assert.is(versions.kept[0]!.invalidGeneration, 3);
  settle(versions, object(4, 'STRICT'));
  assert.equal(versions.kept, []);
  settle(versions, object(5, 'STRIKT'));
  settle(versions);
  assert.equal(versions.kept, []);
});

const restored = (valid: PeerAuthentication, invalidGeneration = 2): ValidVersions => {
  const versions = new ValidVersions();
  versions.restore([{ kind: 'PeerAuthentication', valid, invalidGeneration }]);
  return versions;
};

test('a saved version is in force again, and stays to be saved', () => {
  const versions = restored(object(1, 'STRICT'));
  assert.equal(settle(versions, object(2, 'STRIKT')).inForce, [1]);
  assert.equal(settle(versions, object(3, 'STRIKT')).inForce, [1]);
  assert.is(versions.kept[0]!.invalidGeneration, 3);
});

test('a saved version waits for its object, whose kind may be served later', () => {
  const versions = restored(object(1, 'STRICT'));
  settle(versions);
  assert.equal(settle(versions, object(2, 'STRIKT')).inForce, [1]);
});

test('a saved version does not come back after a newer valid one', () => {
  const versions = restored(object(1, 'STRICT'));
  assert.equal(settle(versions, object(3, 'STRICT')).inForce, [3]);
  assert.equal(settle(versions, object(4, 'STRIKT')).inForce, [3]);
});

test('a saved version does not count where a generation was missed that may have been valid', () => {
  assert.equal(settle(restored(object(1, 'STRICT')), object(3, 'STRIKT')).inForce, [1]);
  assert.equal(settle(restored(object(1, 'STRICT')), object(4, 'STRIKT')).inForce, []);
});

test('a saved version of another object, or one that is not valid itself, does not count', () => {
  assert.equal(settle(restored(object(1, 'STRICT')), object(2, 'STRIKT', 'u2')).inForce, []);
  assert.equal(settle(restored(object(1, 'STRIKT')), object(2, 'STRIKT')).inForce, []);
  const renamed = { ...object(1, 'STRICT'), metadata: { name: 'q', namespace: 'n', uid: 'u1' } };
  assert.equal(settle(restored(renamed), object(2, 'STRIKT')).inForce, []);
});

test.run();
