import * as assert from 'uvu/assert';
import type { KindName } from '../../../src/controller/kinds/kinds.ts';
import type { ObjectSource } from '../../../src/controller/objects.ts';
import { readable, type ScopeRules, writable } from '../../../src/controller/translate/scope.ts';
import { suite } from '../../support/suite.ts';
import { tablesFrom } from '../tables.ts';

const test = suite('what of a cluster belongs to the mesh');

const tables = tablesFrom(`
{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: plain}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: theirs, labels: {istio.io/rev: other, team: a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ours, labels: {istio.io/rev: blue, team: a}}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: plain}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: theirs}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: ours}}
---
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: istio-system}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: plain}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: of-other, namespace: plain, labels: {istio.io/rev: other}}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: of-blue, namespace: theirs, labels: {istio.io/rev: blue}}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: theirs}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: plain, labels: {istio.io/rev: other}}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: theirs}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: ours}}
`);

const rules = (revisions: readonly string[], more: Partial<ScopeRules> = {}): ScopeRules => ({
  rootNamespace: 'istio-system',
  revisions,
  ...more,
});

const names = (objects: ObjectSource, kind: KindName): string =>
  objects
    .list(kind)
    .map(({ metadata: { namespace, name } }) =>
      namespace === undefined ? name : `${namespace}/${name}`,
    )
    .sort()
    .join(' ');

test('reads what carries no label or its own, and Gateways of all', () => {
  const read = readable(tables, rules(['default']));
  assert.is(names(read, 'VirtualService'), 'plain/v theirs/v');
  assert.is(names(read, 'Gateway'), 'ours/g plain/g theirs/g');
  assert.is(names(read, 'Service').split(' ').length, 4);
  assert.is(read.get('VirtualService', 'plain', 'of-other'), undefined);
  const blue = readable(tables, rules(['blue']));
  assert.is(names(blue, 'VirtualService'), 'plain/v theirs/of-blue theirs/v');
});

test('writes what it owns: by label, by the label of the namespace, or as the default', () => {
  const own = writable(tables, rules(['default']));
  assert.is(names(own, 'Namespace'), 'istio-system plain');
  assert.is(names(own, 'Service'), 'istio-system/s plain/s');
  assert.is(names(own, 'VirtualService'), 'plain/v');
  assert.is(names(own, 'Gateway'), '');
  assert.is(own.get('Gateway', 'plain', 'g'), undefined);
});

test('of a revision only what carries it, and its own namespace', () => {
  const blue = writable(tables, rules(['blue']));
  assert.is(names(blue, 'Namespace'), 'istio-system ours');
  assert.is(names(blue, 'Service'), 'istio-system/s ours/s');
  assert.is(names(blue, 'VirtualService'), 'theirs/of-blue');
  assert.is(names(blue, 'Gateway'), 'ours/g');
});

test('a tag means the revision', () => {
  const both = writable(tables, rules(['blue', 'default']));
  assert.is(names(both, 'Namespace'), 'istio-system ours plain');
});

test('without selectors every namespace is in the mesh, with selectors those that one selects', () => {
  const team = rules(['default'], { discoverySelectors: [{ matchLabels: { team: 'a' } }] });
  const read = readable(tables, team);
  assert.is(names(read, 'Service'), 'istio-system/s ours/s theirs/s');
  assert.is(names(read, 'VirtualService'), 'theirs/v');
  assert.is(names(read, 'Gateway'), 'ours/g theirs/g');
  assert.is(read.get('Service', 'plain', 's'), undefined);
  assert.is(names(read, 'Namespace'), 'istio-system ours plain theirs');
  const either = rules(['default'], {
    discoverySelectors: [
      { matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] },
      { matchLabels: { 'kubernetes.io/metadata.name': 'ours' } },
    ],
  });
  assert.is(names(readable(tables, either), 'Service'), 'istio-system/s ours/s plain/s');
});

test.run();
