import * as assert from 'uvu/assert';
import { type ProofFacts, planRepairs } from '../../src/cni/agent/plan-repairs.ts';
import { suite } from '../support/suite.ts';

const test = suite('plan of repairs');

const well: ProofFacts = {
  rules: [],
  routing: [],
  listening: new Set([15001, 15006, 15008, 8080]),
  ownsAddresses: true,
  isNamed: true,
  isConfirmed: false,
};
const plan = (changes: Partial<ProofFacts>): [string[], readonly string[]] => {
  const { problems, repairs } = planRepairs({ ...well, ...changes });
  return [problems.map(({ kind }) => kind), repairs];
};

test('a pod with rules, routing, listeners and addresses is proven', () => {
  assert.equal(plan({}), [[], []]);
});

test('rules and routing that differ or cannot be read are put back', () => {
  assert.equal(plan({ rules: ['a'] }), [['rules'], ['redirect']]);
  assert.equal(plan({ routing: undefined }), [['routing'], ['redirect']]);
});

test('a missing listener makes the pod be handed over, after its rules', () => {
  const listening = new Set([15001, 15008]);
  assert.equal(plan({ listening }), [['listeners'], ['hand-over']]);
  assert.equal(plan({ listening, rules: ['a'] })[1], ['redirect', 'hand-over']);
});

test('nothing is done in a namespace that is not the pod’s any more', () => {
  assert.equal(plan({ ownsAddresses: false, rules: undefined }), [['namespace'], ['find-again']]);
  assert.equal(plan({ isNamed: false, rules: ['a'] }), [['namespace'], ['find-again']]);
});

test('a namespace that was found to be the pod’s once more is repaired like any', () => {
  const confirmed = { isNamed: false, isConfirmed: true };
  assert.equal(plan(confirmed), [[], []]);
  assert.equal(plan({ ...confirmed, rules: ['a'] }), [['rules'], ['redirect']]);
  assert.equal(plan({ ...confirmed, ownsAddresses: false, routing: ['a'] }), [
    ['namespace', 'routing'],
    ['redirect'],
  ]);
});

test.run();
