import * as assert from 'uvu/assert';
import { type AuthorityFiles, hasFollowed, rotationStages } from '../../src/cli/rotation-stages.ts';
import { belowOf, rootNamed } from '../controller/ca/secrets.ts';
import { suite } from '../support/suite.ts';

const test = suite('stages of a rotation');
const old = rootNamed('old');
const fresh = belowOf(rootNamed('fresh'), 'signer');
const filesOf = ({ certPem, keyPem, chainPem, rootPem }: typeof old): AuthorityFiles =>
  new Map([
    ['ca-cert.pem', certPem],
    ['ca-key.pem', keyPem],
    ['cert-chain.pem', chainPem],
    ['root-cert.pem', rootPem],
  ]);
const held = (...roots: readonly string[]) => ({
  rootCerts: roots.map((pem) => ({ pem: Buffer.from(pem).toString('base64') })),
});

test('old and new root are trusted together before and after the key is exchanged', () => {
  const stages = rotationStages(filesOf(old), filesOf(fresh));
  assert.equal(
    stages.map(({ files }) => [files.get('ca-cert.pem'), files.get('root-cert.pem')]),
    [
      [old.certPem, old.rootPem + fresh.rootPem],
      [fresh.certPem, old.rootPem + fresh.rootPem],
      [fresh.certPem, fresh.rootPem],
    ],
  );
  assert.is(stages[1]?.files.get('cert-chain.pem'), fresh.chainPem);
});

test('a proxy has followed when it trusts the roots of the stage, the signing one first', () => {
  const [trust, sign, drop] = rotationStages(filesOf(old), filesOf(fresh));
  const [o, f] = [old.rootPem, fresh.rootPem];
  const table = [[o], [o, f], [f, o], [f]].map((roots) =>
    [trust!, sign!, drop!].map((stage) => hasFollowed(held(...roots), stage)),
  );
  assert.equal(table, [
    [false, false, false],
    [true, false, false],
    [false, true, false],
    [false, false, true],
  ]);
  assert.not.ok(hasFollowed({}, drop!));
});

test('after an interruption the stages go on where they were', () => {
  const stages = rotationStages(filesOf(old), filesOf(fresh));
  const resumed = rotationStages(stages[1]!.files, filesOf(fresh));
  assert.equal(
    resumed.map(({ files }) => files.get('ca-cert.pem')),
    [fresh.certPem, fresh.certPem, fresh.certPem],
  );
  assert.equal(resumed[0]?.files.get('root-cert.pem'), stages[1]?.files.get('root-cert.pem'));
  // What signs is the new authority already, whose root comes first.
  assert.ok(hasFollowed(held(fresh.rootPem, old.rootPem), resumed[0]!));
});

test('lists of both authorities stay while both are trusted', () => {
  const withLists = (files: AuthorityFiles, text: string) =>
    new Map([...files, ['ca-crl.pem', text]]);
  const stages = rotationStages(
    withLists(filesOf(old), 'one\n'),
    withLists(filesOf(fresh), 'two\n'),
  );
  assert.equal(
    stages.map(({ files }) => files.get('ca-crl.pem')),
    ['one\ntwo\n', 'one\ntwo\n', 'two\n'],
  );
});

test.run();
