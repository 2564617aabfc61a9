// The file of revocation lists as the kubelet changes it, and as operators break it.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { followRevocationLists } from '../../../src/dataplane/certificates/follow-revocation-lists.ts';
import { Revocations } from '../../../src/dataplane/certificates/revocations.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { type Logger, silentLogger } from '../../../src/runtime/log.ts';
import { createRegistry } from '../../../src/runtime/metrics.ts';
import { rootNamed } from '../../controller/ca/secrets.ts';
import { temporaryFolder } from '../../controller/running-controller.ts';
import { issueTo, revocationList, revocationListPem } from '../../support/revocation-lists.ts';
import { suite } from '../../support/suite.ts';
import { identity } from '../../support/tunnels.ts';

const test = suite('the file of revocation lists');
const hurried: Clock = { ...systemClock, wait: (ms, signal) => systemClock.wait(ms / 500, signal) };
const root = rootNamed('root');

/** Follows `crl.pem` in a folder that changes as a mounted ConfigMap does. */
function follow(stack: AsyncDisposableStack) {
  const folder = temporaryFolder(stack);
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (_fields, text) => void warnings.push(text) };
  const revocations = new Revocations({ registry: createRegistry(), clock: systemClock, log });
  const ended = new AbortController();
  const file = path.join(folder, 'crl.pem');
  const done = followRevocationLists(
    { path: file, revocations, clock: hurried, log },
    ended.signal,
  );
  stack.defer(async () => {
    ended.abort();
    await done;
  });
  let generation = 0;
  const put = (content: string | Buffer): void => {
    const fresh = `..${++generation}`;
    mkdirSync(path.join(folder, fresh));
    writeFileSync(path.join(folder, fresh, 'crl.pem'), content);
    symlinkSync(fresh, path.join(folder, '..tmp'));
    renameSync(path.join(folder, '..tmp'), path.join(folder, '..data'));
    if (generation === 1) symlinkSync('..data/crl.pem', file);
    else rmSync(path.join(folder, `..${generation - 1}`), { recursive: true });
  };
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await systemClock.wait(1);
  };
  const counts = (): readonly number[] => revocations.states().map(({ revoked }) => revoked);
  return { put, until, counts, warnings, file, revocations };
}

test('a list that comes later, and each change of it, is taken up without a word', async ({
  stack,
}) => {
  const { put, until, counts, warnings } = follow(stack);
  assert.equal(counts(), []);
  const [one, two] = [await issueTo(root, identity('one')), await issueTo(root, identity('two'))];
  put(revocationListPem(root, [one.certChainPem]));
  await until(() => counts()[0] === 1);
  put(revocationListPem(root, [one.certChainPem, two.certChainPem]));
  await until(() => counts()[0] === 2);
  put(revocationList(root, []));
  await until(() => counts()[0] === 0);
  put(revocationListPem(root, []) + revocationListPem(rootNamed('other'), [one.certChainPem]));
  await until(() => counts().length === 2);
  assert.equal(warnings, []);
});

test('a broken file and one that goes away take nothing back, a blank one does', async ({
  stack,
}) => {
  const { put, until, counts, warnings, file } = follow(stack);
  const one = await issueTo(root, identity('one'));
  put(revocationListPem(root, [one.certChainPem]));
  await until(() => counts()[0] === 1);
  put('not a list');
  await until(() => warnings.length === 1);
  assert.match(warnings[0] ?? '', /^AMB1522 .*crl.pem: there is no block X509 CRL in it; what was/);
  rmSync(file);
  await until(() => warnings.length === 2);
  assert.match(warnings[1] ?? '', /AMB1522 .*it has gone; the lists in force stay/);
  assert.equal(counts(), [1]);
  writeFileSync(file, '\n');
  await until(() => counts().length === 0);
  assert.is(warnings.length, 2);
});

test('a list that gets old while it is in force is reported', async ({ stack }) => {
  const { put, until, counts, warnings, revocations } = follow(stack);
  put(revocationListPem(root, [], { nextUpdateMs: Date.now() + 2_000 }));
  await until(() => counts().length === 1);
  await until(() => warnings.length === 1);
  assert.match(warnings[0] ?? '', /AMB1523 revocation list of O=root: the next one was due on/);
  assert.is(revocations.states()[0]?.finding, 'AMB1523');
});

test.run();
