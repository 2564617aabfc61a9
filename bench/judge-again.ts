// node bench/judge-again.ts: how long open connections wait for their new verdict when policies change.
// 10,000 connections of 500 identities to 100 workloads, each from an address of its own, and 50 policies
// of ten rules each, by what the rules look at.

import { Connections } from '../src/dataplane/connections.ts';
import { MeshState } from '../src/dataplane/state/mesh-state.ts';
import type { Cidr } from '../src/mesh/address.ts';
import type { Authorization, AuthorizationMatch } from '../src/mesh/authorization.ts';
import { publish } from '../test/support/mesh-state.ts';
import { aPolicy, aWorkload, ipAddress } from '../test/support/mesh-values.ts';
import { identity } from '../test/support/tunnels.ts';

/** Milliseconds of judging everything again, for one kind of change. */
export interface JudgingTimes {
  readonly what: string;
  readonly median: number;
  readonly fastest: number;
  readonly slowest: number;
}

const counts = {
  connections: 10_000,
  workloads: 100,
  policies: 50,
  rules: 10,
  rounds: 11,
} as const;

type Rule = Partial<AuthorizationMatch>;

/** Rules of each kind, none of which holds for any connection. `salt` differs from change to change. */
const kinds: Readonly<Record<string, (policy: number, rule: number, salt: string) => Rule>> = {
  'by identity': (_policy, rule, salt) => ({ principals: [principal(`${salt}-${rule}`)] }),
  'by identity and one network': (_policy, rule, salt) => ({
    principals: [principal(`${salt}-${rule}`)],
    sourceIps: [cidr('10.0.0.0', 8)],
  }),
  'by client address, networks of others': (policy, rule) => ({
    sourceIps: [cidr(`10.3.${policy}.${rule}`, 32), cidr(`172.16.${policy}.0`, 24)],
  }),
  'by client address, one rule each for 500 of them, and port': (policy, rule) => ({
    sourceIps: [cidr(`10.1.${policy % 40}.${rule * 25 + (policy > 39 ? 1 : 0)}`, 32)],
    destinationPorts: [9_999],
  }),
};

/** Measures each kind of change. */
export function measureJudging(rounds = counts.rounds): readonly JudgingTimes[] {
  return [
    ...Object.entries(kinds).map(([what, rule]) => judging(what, rule, rounds)),
    judging('by identity, dry run', kinds['by identity'] ?? (() => ({})), rounds, true),
  ];
}

function judging(
  what: string,
  rule: (policy: number, rule: number, salt: string) => Rule,
  rounds: number,
  dryRun = false,
): JudgingTimes {
  const state = new MeshState();
  const workloads = Array.from({ length: counts.workloads }, (_, index) => aWorkload(`w${index}`));
  publish(state, { workloads });
  using connections = new Connections(state);
  let denied = 0;
  for (let index = 0; index < counts.connections; index++) {
    const workload = workloads[index % workloads.length];
    if (workload === undefined) continue;
    const facts = {
      source: { address: ipAddress(`10.1.${index >> 8}.${index & 255}`), port: 40_000 },
      destination: { address: ipAddress(`10.2.0.${index % 100}`), port: 8080 },
      sourceIdentity: identity(`client${index % 500}`),
    };
    connections.admit(facts, workload, () => denied++);
  }
  const times = Array.from({ length: rounds }, (_, round) => {
    const policies = Array.from({ length: counts.policies }, (_unused, policy): Authorization => {
      const rules = Array.from({ length: counts.rules }, (_none, index) =>
        rule(policy, index, `r${round}`),
      );
      return aPolicy(`p${policy}`, 'deny', rules, { dryRun });
    });
    const start = performance.now();
    publish(state, { policies });
    return performance.now() - start;
  }).toSorted((one, other) => one - other);
  if (denied > 0 || connections.size !== counts.connections) throw new Error('some were denied');
  const at = (part: number): number => times[Math.floor((times.length - 1) * part)] ?? 0;
  return { what, median: at(0.5), fastest: at(0), slowest: at(1) };
}

function principal(account: string) {
  return { kind: 'exact', value: `cluster.local/ns/default/sa/${account}` } as const;
}

function cidr(address: string, length: number): Cidr {
  return { address: ipAddress(address), length };
}

if (import.meta.main) {
  for (const { what, median, fastest, slowest } of measureJudging()) {
    const [middle, least, most] = [median, fastest, slowest].map((ms) => ms.toFixed(1));
    console.log(`${what}: median ${middle} ms, fastest ${least}, slowest ${most}`);
  }
}
