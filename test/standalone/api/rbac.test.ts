// Who may do what on an API server that holds callers to their roles: the decision alone, and over HTTPS with
// tokens of ServiceAccounts.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import {
  type Access,
  decideAccess,
  type RoleObjects,
} from '../../../src/standalone/api/access/rbac.ts';
import type { ApiObject } from '../../../src/standalone/api/store.ts';
import { suite } from '../../support/suite.ts';
import { type Harness, startHarness } from './api-harness.ts';
import { type Answer, ask } from './https.ts';

const repository = path.resolve(import.meta.dirname, '../../..');

interface Context {
  readonly api: Harness;
  /** Asks with the token of ServiceAccount `shop/reader`. */
  readonly asReader: (
    method: string,
    where: string,
    body?: object,
    type?: string,
  ) => Promise<Answer>;
}

const reader = { username: 'system:serviceaccount:shop:reader', groups: ['system:authenticated'] };

function role(kind: 'Role' | 'ClusterRole', rules: object[], namespace?: string): ApiObject {
  const metadata = { name: 'r', ...(namespace && { namespace }) };
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata, rules };
}

function binding(kind: 'Role' | 'ClusterRole', namespace?: string): ApiObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding',
    metadata: { name: 'b', ...(namespace && { namespace }) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: 'r' },
    subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'shop' }],
  };
}

const none: RoleObjects = {
  clusterRoles: [],
  clusterRoleBindings: [],
  roles: [],
  roleBindings: [],
};
const podsOfShop = { verb: 'get', group: '', resource: 'pods', namespace: 'shop', name: 'p' };

const test = suite<Context>('roles', {
  async setup({ stack }) {
    const api = await startHarness(stack, { rbac: true });
    const { store, tokens } = api.server;
    for (const name of ['shop', 'other']) {
      store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    }
    const metadata = { name: 'reader', namespace: 'shop' };
    const serviceAccount = store.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    const wish = { serviceAccount, pod: undefined, audiences: [], seconds: 3600 };
    const { token } = tokens.issue(wish);
    const asReader: Context['asReader'] = (method, where, body, type = 'application/json') =>
      ask(api.server, {
        method,
        path: where,
        token,
        headers: { 'content-type': type },
        ...(body && { body: JSON.stringify(body) }),
      });
    return { api, asReader };
  },
});

test('allow nothing that no rule names', () => {
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }];
  const given: RoleObjects = {
    ...none,
    roles: [role('Role', rules, 'shop')],
    roleBindings: [binding('Role', 'shop')],
  };
  const cases: [Partial<Access>, boolean][] = [
    [{}, true],
    [{ verb: 'list', name: '' }, true],
    [{ verb: 'delete' }, false],
    [{ namespace: 'other' }, false],
    [{ namespace: '' }, false],
    [{ group: 'apps' }, false],
    [{ resource: 'pods/log' }, false],
    [{ resource: 'secrets' }, false],
  ];
  for (const [change, allowed] of cases) {
    const access = { ...podsOfShop, ...change };
    assert.is(decideAccess(reader, access, given).allowed, allowed, JSON.stringify(change));
    assert.is(decideAccess({ ...reader, username: 'x' }, access, given).allowed, false);
    assert.is(decideAccess(reader, access, none).allowed, false);
  }
});

test('know wildcards, subresources and names of objects', () => {
  const decided = (rule: object, change: Partial<Access>): boolean => {
    const clusterRoles = [role('ClusterRole', [rule])];
    const given = { ...none, clusterRoles, clusterRoleBindings: [binding('ClusterRole')] };
    return decideAccess(reader, { ...podsOfShop, ...change }, given).allowed;
  };
  const all = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
  assert.ok(decided(all, { verb: 'watch', group: 'x', resource: 'y/z', namespace: '' }));
  const statuses = { apiGroups: [''], resources: ['*/status'], verbs: ['get'] };
  assert.ok(decided(statuses, { resource: 'pods/status' }));
  assert.ok(!decided(statuses, { resource: 'pods' }));
  const one = { apiGroups: [''], resources: ['pods'], verbs: ['*'], resourceNames: ['p'] };
  assert.ok(decided(one, {}));
  assert.ok(!decided(one, { name: 'q' }));
  // Neither a list nor a creation is of one object.
  assert.ok(!decided(one, { verb: 'list', name: '' }));
});

test('of a cluster hold in a namespace where they are bound in one', () => {
  const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
  const given = {
    ...none,
    clusterRoles: [role('ClusterRole', [rule])],
    roleBindings: [binding('ClusterRole', 'shop')],
  };
  assert.ok(decideAccess(reader, podsOfShop, given).allowed);
  assert.ok(!decideAccess(reader, { ...podsOfShop, namespace: 'other' }, given).allowed);
});

const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c', namespace: 'shop' },
};
const configMaps = '/api/v1/namespaces/shop/configmaps';

test('refuse over HTTPS, and say who lacks what', async ({ asReader }) => {
  const refused = await asReader('GET', '/api/v1/namespaces/shop/pods');
  assert.is(refused.code, 403);
  const status = JSON.parse(refused.text) as { reason: string; message: string };
  assert.is(status.reason, 'Forbidden');
  assert.is(
    status.message,
    `pods is forbidden: User "${reader.username}" cannot list resource "pods" in API group "" in the namespace "shop" [AMB1036]`,
  );
  // What every known caller may read.
  for (const where of ['/api', '/apis', '/version', '/openapi/v2']) {
    assert.is((await asReader('GET', where)).code, 200, where);
  }
});

test('count as soon as they are bound, and no longer', async ({ api, asReader }) => {
  await api.succeed('create role r -n shop --verb=get,list,patch --resource=configmaps');
  assert.is((await asReader('GET', configMaps)).code, 403);
  await api.succeed('create rolebinding b -n shop --role=r --serviceaccount=shop:reader');
  assert.is((await asReader('GET', configMaps)).code, 200);
  assert.is((await asReader('GET', `${configMaps}?watch=1&timeoutSeconds=1`)).code, 403);
  assert.is((await asReader('GET', '/api/v1/configmaps')).code, 403);
  assert.is((await asReader('GET', '/api/v1/namespaces/other/configmaps')).code, 403);
  assert.is((await asReader('POST', configMaps, configMap)).code, 403);
  assert.is((await asReader('DELETE', configMaps)).code, 403);

  // Applying what does not exist is creating it.
  const apply = (): Promise<Answer> =>
    asReader('PATCH', `${configMaps}/c?fieldManager=t`, configMap, 'application/apply-patch+yaml');
  assert.is((await apply()).code, 403);
  api.server.store.create(configMap);
  assert.is((await apply()).code, 200);

  await api.succeed('delete rolebinding b -n shop');
  assert.is((await asReader('GET', configMaps)).code, 403);
});

test('are what a caller is told when it asks about itself', async ({ api, asReader }) => {
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const asked = async (resourceAttributes: object): Promise<boolean> => {
    const answer = await asReader('POST', reviews, { spec: { resourceAttributes } });
    assert.is(answer.code, 201);
    return (JSON.parse(answer.text) as { status: { allowed: boolean } }).status.allowed;
  };
  await api.succeed('create clusterrole lister --verb=list --resource=nodes');
  await api.succeed(
    'create clusterrolebinding lister --clusterrole=lister --serviceaccount=shop:reader',
  );
  assert.is(await asked({ verb: 'list', resource: 'nodes' }), true);
  assert.is(await asked({ verb: 'delete', resource: 'nodes' }), false);
});

test('bound to the role that every cluster has allow everything', async ({ api, asReader }) => {
  await api.succeed(
    'create clusterrolebinding a --clusterrole=cluster-admin --serviceaccount=shop:reader',
  );
  assert.is((await asReader('GET', '/api/v1/secrets')).code, 200);
  await api.succeed('delete clusterrolebinding a');
});

test('of the mesh keep the key of its authority from its node agents', () => {
  const objects = ['controller', 'daemonset'].flatMap((folder) =>
    parseAllDocuments(
      readFileSync(path.join(repository, 'deploy', folder, 'permissions.yaml'), 'utf8'),
    ).map((document) => document.toJS() as ApiObject),
  );
  const of = (kind: string): ApiObject[] => objects.filter((object) => object.kind === kind);
  const given: RoleObjects = {
    clusterRoles: of('ClusterRole'),
    clusterRoleBindings: of('ClusterRoleBinding'),
    roles: of('Role'),
    roleBindings: of('RoleBinding'),
  };
  const may = (account: string, access: Partial<Access>): boolean => {
    const subject = { username: `system:serviceaccount:istio-system:${account}`, groups: [] };
    return decideAccess(subject, { ...podsOfShop, ...access }, given).allowed;
  };
  const key = { resource: 'secrets', namespace: 'istio-system', name: 'istio-ca-secret' };
  assert.ok(may('istiod', key));
  assert.ok(!may('istio-cni', key) && !may('ztunnel', key));
  assert.ok(!may('istiod', { resource: 'secrets', verb: 'create' }));
  assert.ok(!may('istiod', { resource: 'pods', verb: 'delete' }));
  assert.ok(may('istio-cni', { resource: 'pods/status', verb: 'patch' }));
  assert.ok(!may('istio-cni', { resource: 'pods', verb: 'delete' }));
  assert.ok(!may('ztunnel', {}));
});

test('forwarding ports of pods is a permission of its own', async ({ api, asReader }) => {
  const where = '/api/v1/namespaces/shop/pods/p/portforward?ports=80';
  const grant = (name: string, resources: string[]): void => {
    const rules = [{ apiGroups: [''], resources, verbs: ['get', 'create'] }];
    const metadata = { name, namespace: 'shop' };
    api.server.store.create({ ...role('Role', rules, 'shop'), metadata });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name };
    api.server.store.create({ ...binding('Role', 'shop'), metadata, roleRef });
  };
  grant('sees-pods', ['pods']);
  const refused = await asReader('GET', where);
  assert.is(refused.code, 403);
  assert.match(refused.text, 'pods/portforward');
  grant('forwards', ['pods/portforward']);
  assert.is((await asReader('GET', where)).code, 404, 'there is no such pod');
});

test.run();
