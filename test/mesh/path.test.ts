import * as assert from 'uvu/assert';
import {
  applyHeaderOperations,
  authorityIn,
  orderOperations,
} from '../../src/mesh/header-operations.ts';
import { normalizePath, targetOf } from '../../src/mesh/path.ts';
import { replacePrefix } from '../../src/mesh/rewrite-path.ts';
import { suite } from '../support/suite.ts';

const test = suite('paths and headers');

const paths: readonly [target: string, path: string, query?: string][] = [
  ['/', '/'],
  ['/a/b?c=/../d', '/a/b', 'c=/../d'],
  ['/a/./b/../c', '/a/c'],
  ['/a/..', '/'],
  ['/a/.', '/a/'],
  ['/../../a', '/a'],
  ['/%61dmin', '/admin'],
  ['/a/%2e%2E/b', '/b'],
  ['/a\\..\\b', '/b'],
  ['/a%2Fb%5c', '/a%2Fb%5c'],
  ['/a//b', '/a//b'],
  ['/...', '/...'],
  ['/%zz', '/%zz'],
  ['*', '*'],
];
for (const [target, path, query = ''] of paths) {
  test(`${target} is ${path}`, () => {
    assert.equal(normalizePath(target), { path, query });
  });
}

test('a target that is no path is refused', () => {
  for (const target of ['', 'a', 'http://x/', '/a#b']) assert.is(normalizePath(target), undefined);
});

test('a path and its query make a target', () => {
  assert.is(targetOf({ path: '/a', query: 'b' }), '/a?b');
  assert.is(targetOf({ path: '/a', query: '' }), '/a');
});

test('a rewrite replaces the prefix that matched, or the whole path', () => {
  assert.is(replacePrefix('/foo/x', '/', { uri: { prefix: '/foo' } }), '//x');
  assert.is(replacePrefix('/foo/x', '/', { uri: { pathPrefix: '/foo' } }), '/x');
  assert.is(replacePrefix('/foo', '/', { uri: { pathPrefix: '/foo/' } }), '/');
  assert.is(replacePrefix('/foo/x', '/b', { uri: { pathPrefix: '/' } }), '/b/foo/x');
  assert.is(replacePrefix('/foo', '/bar', { uri: { exact: '/foo' } }), '/bar');
  assert.is(replacePrefix('/foo', '/bar', undefined), '/bar');
});

test('header operations remove, then set, then add', () => {
  const headers = [
    ['Accept', '*/*'],
    ['X-A', '1'],
    ['x-a', '2'],
    ['Host', 'h'],
  ] as const;
  const changed = applyHeaderOperations(headers, [
    {
      remove: ['accept', 'host', 'x-b'],
      set: { 'x-a': '3', 'x-b': '50%%', ':path': '/', host: 'i' },
      add: { 'x-a': '4' },
    },
  ]);
  assert.equal(changed, [
    ['Host', 'h'],
    ['x-a', '3'],
    ['x-b', '50%'],
    ['x-a', '4'],
  ]);
});

test('the order of levels depends on the number of backends', () => {
  const route = { set: { a: 'route' } };
  const backend = { set: { a: 'backend' } };
  const one = applyHeaderOperations([], orderOperations(route, backend, 1));
  const several = applyHeaderOperations([], orderOperations(route, backend, 2));
  assert.equal([one, several], [[['a', 'backend']], [['a', 'route']]]);
});

test('setting the host is asking for another authority', () => {
  assert.is(authorityIn([{ add: { host: 'a' }, set: { ':authority': 'b' } }, undefined]), 'b');
  assert.is(authorityIn([{ set: { x: 'y' } }]), undefined);
});

test.run();
