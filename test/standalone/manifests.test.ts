// Reading manifests, applying them in a working order, following a folder, and tables of images.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { systemClock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/log.ts';
import { openStore } from '../../src/standalone/api/open-store.ts';
import type { ObjectStore } from '../../src/standalone/api/store.ts';
import {
  AppliedFolder,
  type FolderOutcome,
} from '../../src/standalone/manifests/applied-folder.ts';
import { applyObjects } from '../../src/standalone/manifests/apply-objects.ts';
import { parseImageFlag, parseImages } from '../../src/standalone/manifests/images-file.ts';
import { readManifests } from '../../src/standalone/manifests/read-manifests.ts';
import { suite } from '../support/suite.ts';

const test = suite('manifests');

const settings = (name: string, color: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {color: ${color}}\n`;

const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { kind: 'Thing', plural: 'things' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
          },
        },
      },
    ],
  },
};

function storeFor(stack: AsyncDisposableStack): ObjectStore {
  const options = { databasePath: ':memory:', clock: systemClock, log: silentLogger };
  return stack.use(openStore(options)).store;
}

test('reads all documents of a file and names the one that is malformed', () => {
  const text = `${settings('a', 'red')}---\n\n---\nkind: [\n---\n${settings('b', 'blue')}`;
  const read = readManifests('x.yaml', text);
  assert.equal(
    read.objects.map(({ object }) => object.metadata.name),
    ['a', 'b'],
  );
  assert.is(read.problems.length, 1);
  assert.match(read.problems[0]?.message ?? '', /AMB1106 x\.yaml document 3: .*line/);
});

test('names the field that a document lacks', () => {
  const problem = (text: string): string =>
    readManifests('x.yaml', text).problems[0]?.message ?? '';
  assert.match(problem('kind: Pod\n'), 'x.yaml apiVersion: it is missing');
  assert.match(problem('apiVersion: v1\n'), 'x.yaml kind: it is missing');
  assert.match(problem('apiVersion: v1\nkind: Pod\n'), 'x.yaml metadata.name: Pod has no name');
  assert.match(problem('just words\n'), 'the document is not an object');
});

test('takes lists apart, and leaves JSON alone that holds something else', () => {
  const item = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item, item] });
  assert.is(readManifests('x.json', list).objects.length, 2);
  assert.equal(readManifests('package.json', '{"name":"x"}'), { objects: [], problems: [] });
  assert.equal(readManifests('empty.yaml', '# nothing\n'), { objects: [], problems: [] });
});

test('applies namespaces and definitions before what needs them', async ({ stack }) => {
  const store = storeFor(stack);
  const thing = {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 't', namespace: 'shop' },
    spec: { size: 1 },
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
  const objects = [thing, namespace, definition].map((object) => ({ object, origin: 'x' }));
  const options = {
    store,
    clock: systemClock,
    fieldManager: 'test',
    unknownKinds: 'report',
  } as const;
  const result = await applyObjects(objects, options);
  assert.equal(result.problems, []);
  assert.is(store.get('example.com/things', 'shop', 't')?.metadata.name, 't');
});

test('refuses one object with its field and applies the others', async ({ stack }) => {
  const store = storeFor(stack);
  const bad = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'bad' },
    spec: { ports: [{ port: 70_000 }] },
  };
  const good = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'good' } };
  const unknown = { apiVersion: 'example.com/v1', kind: 'Nothing', metadata: { name: 'n' } };
  const objects = [bad, unknown, good].map((object, index) => ({ object, origin: `f${index}` }));
  const options = { store, clock: systemClock, fieldManager: 'test' };
  const reported = await applyObjects(objects, { ...options, unknownKinds: 'report' });
  const messages = reported.problems.map(({ message }) => message);
  assert.is(messages.length, 2);
  assert.match(messages[0] ?? '', /AMB1107 f0 spec\.ports\[0\]\.port: Service bad/);
  assert.match(messages[1] ?? '', /AMB1107 f1: Nothing n: .*no kind Nothing/);
  assert.ok(store.get('configmaps', 'default', 'good'));
  const skipping = await applyObjects(objects, { ...options, unknownKinds: 'skip' });
  assert.is(skipping.problems.length, 1);
  assert.equal([...skipping.skipped], ['example.com/v1 Nothing']);
});

test('follows a folder: edits are applied, vanished objects removed, others kept', async ({
  stack,
  signal,
}) => {
  const store = storeFor(stack);
  const folder = mkdtempSync(path.join(tmpdir(), 'ambit-folder-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  write('one.yaml', `${settings('a', 'red')}---\n${settings('b', 'red')}`);
  write('package.json', '{"name": "x"}');
  store.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'own', namespace: 'default' },
  });
  let next = Promise.withResolvers<FolderOutcome>();
  const following = stack.use(
    new AppliedFolder({
      folder,
      store,
      clock: systemClock,
      log: silentLogger,
      onApplied: (outcome) => {
        next.resolve(outcome);
        next = Promise.withResolvers();
      },
    }),
  );
  assert.is((await following.start()).applied, 2);
  const names = (): string[] =>
    store.list('configmaps', { namespace: 'default' }).map(({ metadata }) => metadata.name);
  const until = async (holds: () => boolean): Promise<FolderOutcome> => {
    for (;;) {
      const outcome = await next.promise;
      if (holds()) return outcome;
      signal.throwIfAborted();
    }
  };
  write('one.yaml', settings('a', 'blue'));
  const edited = await until(() => !names().includes('b'));
  assert.is(edited.removed, 1);
  assert.equal(store.get('configmaps', 'default', 'a')?.['data'], { color: 'blue' });
  assert.ok(names().includes('own'));
  // What is malformed takes nothing away: it may hold any object.
  write('one.yaml', 'apiVersion: [');
  const broken = await until(() => true);
  assert.is(broken.problems.length, 1);
  assert.is(broken.removed, 0);
  assert.ok(names().includes('a'));
});

test('names what is wrong with a table of images', () => {
  const images = parseImages('t', 'images: {web:1.0: {command: [node, a.ts]}}', '/f');
  assert.equal([...images], [['web', { command: ['node', 'a.ts'], folder: '/f' }]]);
  const refused = (text: string): string => {
    try {
      parseImages('t', text, '/f');
      return '';
    } catch (error) {
      return String(error);
    }
  };
  assert.match(refused('images: {web: {command: node}}'), 'AMB1108 t images.web.command');
  assert.match(refused('other: 1'), 'AMB1108 t images: it is missing');
  assert.match(refused('{'), 'AMB1108 t: it is not YAML');
  assert.equal(parseImageFlag('web=node a.ts', '/f')[1].command, ['node', 'a.ts']);
  assert.throws(() => parseImageFlag('web', '/f'), /AMB1108/);
});

test.run();
