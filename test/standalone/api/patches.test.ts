// The patch formats, case by case, without a server.

import * as assert from 'uvu/assert';

import { StatusError } from '../../../src/standalone/api/api-error.ts';
import { jsonPatched } from '../../../src/standalone/api/patch/json-patch.ts';
import { mergePatched } from '../../../src/standalone/api/patch/merge-patch.ts';
import { strategicallyPatched } from '../../../src/standalone/api/patch/strategic-merge-patch.ts';
import { definition } from '../../../src/standalone/api/schema/definitions.ts';
import { suite } from '../../support/suite.ts';

const test = suite('patches');

test('merges as RFC 7386 has it', () => {
  const cases: readonly [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ['text', { a: 'b' }, { a: 'b' }],
  ];
  for (const [target, patch, result] of cases) {
    assert.equal(mergePatched(target, patch), result, JSON.stringify(patch));
  }
});

test('does the operations of RFC 6902 in order', () => {
  const start = { list: ['a', 'b'], map: { 'x/y': 1, '~': 2 } };
  const patch = [
    { op: 'add', path: '/list/1', value: 'between' },
    { op: 'add', path: '/list/-', value: 'last' },
    { op: 'remove', path: '/map/x~1y' },
    { op: 'replace', path: '/map/~0', value: { deep: true } },
    { op: 'copy', from: '/map/~0', path: '/copied' },
    { op: 'move', from: '/list/0', path: '/moved' },
    { op: 'test', path: '/copied/deep', value: true },
  ];
  assert.equal(jsonPatched(start, patch), {
    list: ['between', 'b', 'last'],
    map: { '~': { deep: true } },
    copied: { deep: true },
    moved: 'a',
  });
  assert.equal(start, { list: ['a', 'b'], map: { 'x/y': 1, '~': 2 } }, 'the original stays');
});

test('refuses JSON patches that do not fit', () => {
  const refused: readonly unknown[] = [
    { op: 'add', path: '/a' },
    [{ op: 'remove', path: '/none' }],
    [{ op: 'replace', path: '/none', value: 1 }],
    [{ op: 'add', path: '/list/9', value: 1 }],
    [{ op: 'add', path: '/list/01', value: 1 }],
    [{ op: 'add', path: '/none/deep', value: 1 }],
    [{ op: 'test', path: '/list', value: [] }],
    [{ op: 'dance', path: '/list' }],
    [{ op: 'remove', path: 'list' }],
  ];
  for (const patch of refused) {
    assert.throws(
      () => jsonPatched({ list: [1] }, patch),
      (error: unknown) => error instanceof StatusError,
      JSON.stringify(patch),
    );
  }
});

test('a test for null passes where an object lacks the field, and not where the object is missing', () => {
  const set = (path: string, value: unknown) => [
    { op: 'test', path, value: null },
    { op: 'add', path, value },
  ];
  // What istiod sends to give a ServiceEntry its addresses only once.
  const addresses = [{ value: '240.240.0.1' }];
  assert.equal(jsonPatched({ status: {} }, set('/status/addresses', addresses)), {
    status: { addresses },
  });
  assert.equal(jsonPatched({}, set('/status', { addresses })), { status: { addresses } });
  for (const [from, path] of [
    [{}, '/status/addresses'],
    [{ status: { addresses } }, '/status/addresses'],
  ] as const) {
    assert.throws(() => jsonPatched(from, set(path, [])), /failed/);
  }
});

test('merges strategically by the keys of the schema', () => {
  const pod = definition('PodSpec');
  const target = {
    containers: [
      { name: 'a', image: 'a:1', env: [{ name: 'X', value: '1' }], args: ['1', '2'] },
      { name: 'b', image: 'b:1' },
    ],
    tolerations: [{ key: 'old' }],
    volumes: [{ name: 'v', emptyDir: {} }],
  };
  const patch = {
    $setElementOrder$: null,
    '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }],
    containers: [
      {
        name: 'a',
        env: [
          { name: 'Y', value: '2' },
          { name: 'X', $patch: 'delete' },
        ],
        args: ['3'],
      },
      { name: 'b', $patch: 'delete' },
      { name: 'c', image: 'c:1' },
    ],
    tolerations: [{ key: 'new' }],
    volumes: [
      { name: 'v', $retainKeys: ['name', 'hostPath'], hostPath: { path: '/x' }, emptyDir: null },
    ],
  };
  assert.equal(strategicallyPatched(target, patch, pod), {
    containers: [
      { name: 'c', image: 'c:1' },
      { name: 'a', image: 'a:1', env: [{ name: 'Y', value: '2' }], args: ['3'] },
    ],
    tolerations: [{ key: 'new' }],
    volumes: [{ name: 'v', hostPath: { path: '/x' } }],
  });
});

test('merges sets of texts, takes items out of them, and replaces on demand', () => {
  const metadata = definition('ObjectMeta');
  assert.equal(
    strategicallyPatched(
      { finalizers: ['a', 'b'], labels: { x: '1', y: '2' } },
      {
        finalizers: ['c'],
        '$deleteFromPrimitiveList/finalizers': ['a'],
        labels: { $patch: 'replace', z: '3' },
      },
      metadata,
    ),
    { finalizers: ['b', 'c'], labels: { z: '3' } },
  );
  assert.throws(
    () => strategicallyPatched({}, { $patch: 'shuffle' }, metadata),
    /unknown patch directive/,
  );
  const unkeyed = { containers: [{ image: 'x' }] };
  assert.throws(() => strategicallyPatched({}, unkeyed, definition('PodSpec')), /merge key: name/);
});

test.run();
