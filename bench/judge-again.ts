// node bench/judge-again.ts: how long open connections wait for their new verdict when policies change.
// 10,000 connections of 500 identities to 100 workloads, 50 policies of ten rules each; then the same
// with policies that look at every client's address as well, or at nothing else, and with dry runs.

import { Connections } from '../src/dataplane/connections.ts';
import { MeshState } from '../src/dataplane/state/mesh-state.ts';
import type { Cidr } from '../src/mesh/address.ts';
import type { Authorization } from '../src/mesh/authorization.ts';
import type { Workload } from '../src/mesh/workload.ts';
import { publish } from '../test/support/mesh-state.ts';
import { aPolicy, aWorkload, ipAddress } from '../test/support/mesh-values.ts';
import { identity } from '../test/support/tunnels.ts';

const counts = {
  connections: 10_000,
  workloads: 100,
  policies: 50,
  rules: 10,
} as const;

const cidr: Cidr = { address: ipAddress('10.0.0.0'), length: 8 };
const oneWorkload = 'one policy of one workload';
const allPolicies = 'all policies of a namespace';
const byAddress = 'all policies, by address';
const onlyAddress = 'all policies, one client address each rule';
const everyAddress = 'all policies, every client named by its address';
const dryRun = 'all policies, dry run';

/** What changes; the least comes first. */
export const judgeAgainCases: readonly string[] = [
  oneWorkload,
  allPolicies,
  byAddress,
  onlyAddress,
  everyAddress,
  dryRun,
];

/** Ten thousand open connections and the policies over them. */
export interface JudgeAgain extends Disposable {
  /** Makes one of the changes; milliseconds until every connection has its verdict. */
  measure(change: string): number;
}

/** Opens the connections. */
export function judgeAgain(): JudgeAgain {
  const state = new MeshState();
  const workloads = Array.from({ length: counts.workloads }, (_, index) => aWorkload(`w${index}`));
  publish(state, { workloads, policies: policiesOf('x') });
  const connections = new Connections(state);
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
  let salt = 0;
  const changes: Readonly<Record<string, () => void>> = {
    [allPolicies]: () => publish(state, { policies: policiesOf(`r${salt}`) }),
    [byAddress]: () => publish(state, { policies: policiesOf(`a${salt}`, [cidr]) }),
    [onlyAddress]: () => publish(state, { policies: addressesOf(salt) }),
    [everyAddress]: () => publish(state, { policies: everyAddressOf(salt) }),
    [dryRun]: () => publish(state, { policies: policiesOf(`d${salt}`).map(withoutEffect) }),
    [oneWorkload]: () => changeOne(state, workloads[0], salt),
  };
  return {
    measure: (change) => {
      salt++;
      const start = performance.now();
      changes[change]?.();
      const elapsed = performance.now() - start;
      if (denied > 0 || connections.size !== counts.connections) {
        throw new Error('none was to be denied');
      }
      return elapsed;
    },
    [Symbol.dispose]: () => connections[Symbol.dispose](),
  };
}

function changeOne(state: MeshState, workload: Workload | undefined, salt: number): void {
  if (workload === undefined) return;
  const policies = [denyAccounts('one', `s${salt}`, 'workload')];
  const changed = { ...workload, authorizationPolicies: ['default/one'] };
  publish(state, { policies, workloads: [changed] });
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

/** Deny one of every twenty clients by its address, on a port that none uses. */
function addressesOf(salt: number): Authorization[] {
  return Array.from({ length: counts.policies }, (_, policy) => {
    const rules = Array.from({ length: counts.rules }, (_unused, rule) => ({
      sourceIps: [
        {
          address: ipAddress(`10.1.${policy % 40}.${rule * 25 + (policy > 39 ? 1 : 0)}`),
          length: 32,
        },
      ],
      destinationPorts: [9_999 + salt],
    }));
    return aPolicy(`p${policy}`, 'deny', rules);
  });
}

/** Rules for the address of every client, ten thousand in all, for a port that none uses. */
function everyAddressOf(salt: number): Authorization[] {
  const perPolicy = counts.connections / counts.policies;
  return Array.from({ length: counts.policies }, (_, policy) => {
    const rules = Array.from({ length: perPolicy }, (_unused, rule) => {
      const client = policy * perPolicy + rule;
      const address = ipAddress(`10.1.${client >> 8}.${client & 255}`);
      return { sourceIps: [{ address, length: 32 }], destinationPorts: [9_999 + salt] };
    });
    return aPolicy(`p${policy}`, 'deny', rules);
  });
}

function withoutEffect(policy: Authorization): Authorization {
  return { ...policy, dryRun: true };
}

if (import.meta.main) {
  using table = judgeAgain();
  for (const change of judgeAgainCases) {
    const times = Array.from({ length: 11 }, () => table.measure(change)).toSorted(
      (one, other) => one - other,
    );
    const [fastest, median, slowest] = [0, 5, 10].map((at) => (times[at] ?? 0).toFixed(1));
    console.log(`${change}: median ${median} ms, fastest ${fastest}, slowest ${slowest}`);
  }
}
