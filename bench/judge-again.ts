// node bench/judge-again.ts: how long open connections wait for their new verdict when policies change.
// 10,000 connections of 500 identities to 100 workloads, 50 policies of ten rules each; then the same
// with policies that look at every client's address, so that no two verdicts can be shared.

import { Connections } from '../src/dataplane/connections.ts';
import { MeshState } from '../src/dataplane/state/mesh-state.ts';
import type { Cidr } from '../src/mesh/address.ts';
import type { Authorization } from '../src/mesh/authorization.ts';
import { publish } from '../test/support/mesh-state.ts';
import { aPolicy, aWorkload, ipAddress } from '../test/support/mesh-values.ts';
import { identity } from '../test/support/tunnels.ts';

const counts = {
  connections: 10_000,
  workloads: 100,
  policies: 50,
  rules: 10,
  rounds: 21,
} as const;

const cidr: Cidr = { address: ipAddress('10.0.0.0'), length: 8 };
const state = new MeshState();
const workloads = Array.from({ length: counts.workloads }, (_, index) => aWorkload(`w${index}`));
publish(state, { workloads, policies: policiesOf('x') });
using connections = new Connections(state);
let denied = 0;
for (let index = 0; index < counts.connections; index++) {
  const workload = workloads[index % workloads.length];
  if (workload === undefined) continue;
  const facts = {
    source: { address: ipAddress(`10.1.${index >> 8}.${index & 255}`), port: 40_000 },
    destination: { address: ipAddress('10.2.0.1'), port: 8080 },
    sourceIdentity: identity(`client${index % 500}`),
  };
  connections.admit(facts, workload, () => denied++);
}
report('all policies of the namespace', (round) =>
  publish(state, { policies: policiesOf(`r${round}`) }),
);
report('all policies, by address', (round) =>
  publish(state, { policies: policiesOf(`a${round}`, [cidr]) }),
);
report('one policy of one workload', (round) => {
  const [first] = workloads;
  if (first === undefined) return;
  const policy = denyAccounts('one', `s${round}`, 'workload');
  publish(state, {
    policies: [policy],
    workloads: [{ ...first, authorizationPolicies: ['default/one'] }],
  });
});
if (denied > 0 || connections.size !== counts.connections) throw new Error('none was to be denied');

function report(what: string, change: (round: number) => void): void {
  const times = Array.from({ length: counts.rounds }, (_, round) => {
    const start = performance.now();
    change(round);
    return performance.now() - start;
  }).toSorted((one, other) => one - other);
  const at = (part: number): string =>
    (times[Math.floor((times.length - 1) * part)] ?? 0).toFixed(1);
  console.log(`${what}: median ${at(0.5)} ms, fastest ${at(0)}, slowest ${at(1)}`);
}

function policiesOf(salt: string, sourceIps: readonly Cidr[] = []): Authorization[] {
  return Array.from({ length: counts.policies }, (_, index) =>
    denyAccounts(`p${index}`, salt, 'namespace', sourceIps),
  );
}

function denyAccounts(
  name: string,
  salt: string,
  scope: Authorization['scope'],
  sourceIps: readonly Cidr[] = [],
): Authorization {
  const rules = Array.from({ length: counts.rules }, (_, index) => ({
    principals: [{ kind: 'exact', value: `cluster.local/ns/default/sa/${salt}-${index}` } as const],
    sourceIps,
  }));
  return aPolicy(name, 'deny', rules, { scope });
}
