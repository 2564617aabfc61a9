import * as assert from 'uvu/assert';
import type { Changes } from '../../src/controller/desired.ts';
import type { ConfigMap } from '../../src/controller/kinds/core.ts';
import { keyOf } from '../../src/controller/kinds/object.ts';
import type { AuthorizationPolicyObject } from '../../src/controller/kinds/security.ts';
import {
  lastValidChanges,
  lastValidFindings,
  lastValidLabel,
  maxSavedBytes,
  savedVersions,
} from '../../src/controller/last-valid.ts';
import { ObjectTables } from '../../src/controller/objects.ts';
import type { KeptVersion } from '../../src/controller/translate/valid-versions.ts';
import { suite } from '../support/suite.ts';

const test = suite('saved versions');

const home = 'istio-system';
const policy = (path = '/a'): AuthorizationPolicyObject => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: {
    name: 'p',
    namespace: 'n',
    uid: 'u1',
    generation: 1,
    resourceVersion: '7',
    annotations: { 'istio.io/dry-run': 'true', big: 'left out' },
  },
  spec: { rules: [{ to: [{ operation: { paths: [path] } }] }] },
});
const kept = (path?: string, invalidGeneration = 2): KeptVersion => ({
  kind: 'AuthorizationPolicy',
  valid: policy(path),
  invalidGeneration,
});
const changes = (
  tables: ObjectTables,
  versions: readonly KeptVersion[],
  isListed = true,
  nowMs = 0,
): Changes => lastValidChanges(tables, versions, home, () => isListed, nowMs);
const saved = (one: KeptVersion): { tables: ObjectTables; configMap: ConfigMap } => {
  const tables = new ObjectTables();
  const [wanted] = changes(tables, [one]).apply;
  assert.ok(wanted);
  tables.set('ConfigMap', wanted.body);
  return { tables, configMap: wanted.body as ConfigMap };
};

test('a version comes back as it was saved, without what has no meaning', () => {
  const { tables, configMap } = saved(kept());
  assert.is(configMap.metadata.name, 'ambit-last-valid-authorizationpolicy-u1');
  assert.is(configMap.metadata.namespace, home);
  assert.is(configMap.metadata.labels?.[lastValidLabel], 'true');
  const { versions, unreadable } = savedVersions(tables, home);
  assert.equal(unreadable, []);
  assert.is(versions[0]!.invalidGeneration, 2);
  const { resourceVersion, ...metadata } = policy().metadata;
  assert.ok(resourceVersion);
  assert.equal(versions[0]!.valid, {
    ...policy(),
    metadata: { ...metadata, annotations: { 'istio.io/dry-run': 'true' } },
  });
});

test('what is saved already is not written again, and a later invalid edit is', () => {
  const { tables } = saved(kept());
  assert.equal(changes(tables, [kept()], true, 5000), { apply: [], remove: [] });
  assert.is(changes(tables, [kept('/a', 3)]).apply.length, 1);
});

test('what is not needed any more is removed, once all objects of its kind are known', () => {
  const { tables, configMap } = saved(kept());
  const path = `/api/v1/namespaces/${home}/configmaps/${configMap.metadata.name}`;
  assert.equal(changes(tables, [], false).remove, []);
  assert.equal(changes(tables, []).remove, [{ path }]);
});

test('a version in another namespace is neither believed nor removed', () => {
  const { tables, configMap } = saved(kept());
  tables.delete('ConfigMap', keyOf(configMap));
  tables.set('ConfigMap', {
    ...configMap,
    metadata: { ...configMap.metadata, namespace: 'elsewhere' },
  });
  assert.equal(savedVersions(tables, home).versions, []);
  assert.equal(changes(tables, []).remove, []);
});

test('a version that somebody has changed is named, and removed', () => {
  for (const broken of [
    { object: '{' },
    { object: '{"metadata":{"name":"p","uid":"u2"}}' },
    { kind: 'Nonsense' },
    { invalidGeneration: 'two' },
  ]) {
    const { tables, configMap } = saved(kept());
    tables.set('ConfigMap', { ...configMap, data: { ...configMap.data, ...broken } } as ConfigMap);
    const { versions, unreadable } = savedVersions(tables, home);
    assert.equal(versions, [], JSON.stringify(broken));
    assert.equal(unreadable, [configMap.metadata.name]);
    assert.is(changes(tables, []).remove.length, 1);
  }
});

test('a version that is too large is not saved, and its author is told', () => {
  const large = kept(`/${'x'.repeat(maxSavedBytes)}`);
  assert.equal(changes(new ObjectTables(), [large]).apply, []);
  const [finding] = lastValidFindings([large]);
  assert.is(finding?.code, 'AMB1620');
  assert.equal(finding?.object, { kind: 'AuthorizationPolicy', name: 'p', namespace: 'n' });
  assert.equal(lastValidFindings([kept()]), []);
});

test.run();
