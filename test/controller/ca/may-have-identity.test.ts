import * as assert from 'uvu/assert';
import { mayHaveIdentity } from '../../../src/controller/ca/may-have-identity.ts';
import type { Caller } from '../../../src/controller/caller.ts';
import { suite } from '../../support/suite.ts';
import { tablesFrom } from '../tables.ts';

const test = suite('who may have which identity');

const tables = tablesFrom(`
apiVersion: v1
kind: Pod
metadata: {name: ztunnel-x, namespace: istio-system, uid: z1}
spec: {nodeName: node1, serviceAccountName: ztunnel}
---
apiVersion: v1
kind: Pod
metadata: {name: other-x, namespace: istio-system, uid: o1}
spec: {nodeName: node1, serviceAccountName: other}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {nodeName: node1, serviceAccountName: web}
---
apiVersion: v1
kind: Pod
metadata: {name: plain, namespace: shop}
spec: {nodeName: node1}
---
apiVersion: v1
kind: Pod
metadata: {name: failed, namespace: shop}
spec: {nodeName: node1, serviceAccountName: failed}
status: {phase: Failed}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: shop}
spec: {nodeName: node2, serviceAccountName: far}
`);
const pods = {
  pod: (namespace: string, name: string) => tables.get('Pod', namespace, name),
  pods: () => tables.list('Pod'),
};
const rules = {
  trustDomain: 'cluster.local',
  trustedNodeAccounts: new Set(['istio-system/ztunnel']),
};
const ztunnel: Caller = {
  namespace: 'istio-system',
  serviceAccount: 'ztunnel',
  podName: 'ztunnel-x',
  podUid: 'z1',
};
const decide = (caller: Caller, wanted?: string) => {
  const decision = mayHaveIdentity(caller, wanted, pods, rules);
  return decision.kind === 'granted' ? decision.identity : decision.reason;
};
const id = (account: string, domain = 'cluster.local') =>
  `spiffe://${domain}/ns/shop/sa/${account}`;

test('a workload gets its own, asked for or not', () => {
  const web: Caller = { namespace: 'shop', serviceAccount: 'web' };
  assert.is(decide(web), id('web'));
  assert.is(decide(web, id('web')), id('web'));
  assert.match(decide(web, id('far')), /is not among the trusted node accounts/);
});

test('a node proxy gets those of living pods on its node', () => {
  assert.is(decide(ztunnel, id('web')), id('web'));
  assert.is(decide(ztunnel, id('default')), id('default'));
  assert.match(decide(ztunnel, id('far')), /no pod of shop\/far runs on node node1/);
  assert.match(decide(ztunnel, id('failed')), /no pod of shop\/failed/);
});

test('identities of other forms and trust domains are refused', () => {
  assert.match(decide(ztunnel, 'spiffe://cluster.local/shop/web'), /is no identity/);
  assert.match(decide(ztunnel, id('web', 'evil.org')), /not of the trust domain/);
});

test('the token must be of the account that its pod runs as', () => {
  assert.match(
    decide({ ...ztunnel, podName: 'other-x', podUid: 'o1' }, id('web')),
    /pod istio-system\/other-x does not run as istio-system\/ztunnel/,
  );
});

test('the token must be bound to the pod that is there now', () => {
  assert.match(decide({ ...ztunnel, podUid: 'old' }, id('web')), /an earlier pod/);
  const { podName: _, ...unbound } = ztunnel;
  assert.match(decide(unbound, id('web')), /not bound to a pod/);
  assert.match(
    decide({ ...ztunnel, podName: 'new' }, id('web')),
    /pod istio-system\/new is not known/,
  );
  assert.is(decide({ ...ztunnel, podName: 'new', nodeName: 'node2' }, id('far')), id('far'));
});

test.run();
