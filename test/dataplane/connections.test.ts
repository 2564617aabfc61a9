// Open connections judged again: those that a change concerns, by what it changed; and what dry-run
// policies would have made of them.

import * as assert from 'uvu/assert';
import { Connections } from '../../src/dataplane/connections.ts';
import { MeshState } from '../../src/dataplane/state/mesh-state.ts';
import type { Workload } from '../../src/mesh/workload.ts';
import { publish } from '../support/mesh-state.ts';
import { aPolicy, aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';
import { identity } from '../support/tunnels.ts';

const test = suite('open connections');
const source = { address: ipAddress('10.0.0.1'), port: 4000 };
const destination = { address: ipAddress('10.0.0.2'), port: 8080 };
const denyOf = (account: string, changes = {}) =>
  aPolicy(
    `no-${account}`,
    'deny',
    [{ serviceAccounts: [{ namespace: 'default', serviceAccount: account }] }],
    changes,
  );

interface Admitted {
  readonly denials: string[];
  readonly permit: ReturnType<Connections['admit']>;
}

function admit(connections: Connections, workload: Workload, account: string): Admitted {
  const denials: string[] = [];
  const facts = { source, destination, sourceIdentity: identity(account) };
  const permit = connections.admit(facts, workload, ({ reason }) => denials.push(reason));
  return { denials, permit };
}

test('a policy of one workload ends the connections that it denies there, and no others', () => {
  const state = new MeshState();
  const [one, other] = [aWorkload('one'), aWorkload('other')];
  publish(state, { workloads: [one, other] });
  using connections = new Connections(state);
  const bad = admit(connections, one, 'client');
  const good = admit(connections, one, 'friend');
  const elsewhere = admit(connections, other, 'client');
  publish(state, { policies: [denyOf('client', { scope: 'workload' })] });
  assert.equal(bad.denials, [], 'nothing refers to the policy yet');
  publish(state, { workloads: [{ ...one, authorizationPolicies: ['default/no-client'] }] });
  assert.equal(bad.denials, ['denied by policy default/no-client']);
  assert.equal([good.denials, elsewhere.denials], [[], []]);
  assert.is(connections.size, 2);
});

test('a connection whose end was told is not judged again, nor kept', () => {
  const state = new MeshState();
  const workload = aWorkload('one');
  publish(state, { workloads: [workload] });
  using connections = new Connections(state);
  const { denials, permit } = admit(connections, workload, 'client');
  publish(state, { policies: [denyOf('client')] });
  publish(state, { policies: [denyOf('client')] });
  permit[Symbol.dispose]();
  assert.is(denials.length, 1);
  assert.is(connections.size, 0);
});

test('a changed policy of the same name is another policy', () => {
  const state = new MeshState();
  const workload = aWorkload('one');
  publish(state, { workloads: [workload], policies: [denyOf('nobody')] });
  using connections = new Connections(state);
  const { denials } = admit(connections, workload, 'client');
  publish(state, { policies: [{ ...denyOf('client'), name: 'no-nobody' }] });
  assert.equal(denials, ['denied by policy default/no-nobody']);
});

test('a dry-run policy lets the connection live and says what it would have done', () => {
  const state = new MeshState();
  const workload = aWorkload('one');
  publish(state, { workloads: [workload], policies: [denyOf('client', { dryRun: true })] });
  using connections = new Connections(state);
  const bad = admit(connections, workload, 'client').permit;
  assert.is(bad.verdict.kind, 'allow');
  assert.equal(bad.shadow, {
    outcome: 'deny',
    reason: 'denied by policy default/no-client',
    policy: 'default/no-client',
    rule: 0,
  });
  assert.is(admit(connections, workload, 'friend').permit.shadow?.outcome, 'allow');
});

test('without dry-run policies there is no shadow verdict', () => {
  const state = new MeshState();
  const workload = aWorkload('one');
  publish(state, { workloads: [workload], policies: [denyOf('client')] });
  using connections = new Connections(state);
  const { permit } = admit(connections, workload, 'client');
  assert.is(permit.verdict.kind, 'deny');
  assert.is(permit.shadow, undefined);
});

test.run();
