// What a decision costs: the pure engine, and the re-judging of open connections when policies change.

import { authorizeConnection } from '../../src/mesh/authorize-connection.ts';
import type { ConnectionFacts } from '../../src/mesh/connection-facts.ts';
import { aPolicy, ipAddress } from '../../test/support/mesh-values.ts';
import { identity } from '../../test/support/tunnels.ts';
import { judgeAgain, judgeAgainCases } from '../judge-again.ts';
import type { Measurement, Prepared, Sample } from '../measurement.ts';

const policyCounts = [0, 1, 100, 1_000];
const lookMs = 200;
const batch = 32;

/** The engine that ztunnel asks once per connection. No policy matches, so all of them are looked at. */
export const authorization: Measurement = {
  name: 'authorization',
  summary: 'one decision of the L4 engine when DENY policies apply and none matches',
  metrics: [{ name: 'decision', unit: 'ns', better: 'lower' }],
  paths: policyCounts.map(pathOf),
  tools: [],
  needsMesh: false,
  warmUp: true,
  prepare: () => Promise.resolve(prepared(policyCounts.map(pathOf), decide)),
};

/** What policies change means for 10,000 open connections. */
export const rejudging: Measurement = {
  name: 'authorization-again',
  summary: 'how long 10,000 open connections wait for their new verdict when policies change',
  metrics: [{ name: 'all judged', unit: 'ms', better: 'lower' }],
  paths: judgeAgainCases,
  tools: [],
  needsMesh: false,
  warmUp: true,
  prepare: () => {
    const bench = judgeAgain();
    const look = (path: string): Sample => ({
      figures: { 'all judged': bench.measure(path) },
      errors: 0,
    });
    return Promise.resolve({
      ...prepared(judgeAgainCases, look),
      [Symbol.asyncDispose]: () => Promise.resolve(bench[Symbol.dispose]()),
    });
  },
};

function pathOf(count: number): string {
  return count === 1 ? '1 policy' : `${count} policies`;
}

function prepared(paths: readonly string[], look: (path: string) => Sample): Prepared {
  return {
    paths,
    sample: (path) => Promise.resolve(look(path)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function decide(path: string): Sample {
  const count = Number.parseInt(path, 10);
  const policies = Array.from({ length: count }, (_, index) =>
    aPolicy(`p${index}`, 'deny', [
      { principals: [{ kind: 'exact', value: `cluster.local/ns/default/sa/nobody-${index}` }] },
    ]),
  );
  const facts: ConnectionFacts = {
    source: { address: ipAddress('10.1.0.1'), port: 40_000 },
    destination: { address: ipAddress('10.2.0.1'), port: 8080 },
    sourceIdentity: identity('client'),
  };
  let decisions = 0;
  let denied = 0;
  const start = performance.now();
  let elapsed = 0;
  while (elapsed < lookMs) {
    for (let turn = 0; turn < batch; turn++) {
      if (authorizeConnection(facts, { policies, missing: [] }).kind === 'deny') denied++;
    }
    decisions += batch;
    elapsed = performance.now() - start;
  }
  return { figures: { decision: (elapsed * 1e6) / decisions }, errors: denied };
}
