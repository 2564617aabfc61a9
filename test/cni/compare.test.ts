// What nft lists is compared with what is wanted by meaning, not by the way one version writes it.

import * as assert from 'uvu/assert';
import { differences } from '../../src/cni/redirect/compare.ts';
import { ruleExpressions } from '../../src/cni/redirect/rule.ts';
import { podRules, podTables } from '../../src/cni/redirect/rules.ts';
import { suite } from '../support/suite.ts';
import { usualSettings } from './pod-network.ts';

const test = suite('comparison of rules');

const wanted = podRules(usualSettings);

/** What nft would list of the wanted tables. */
const listing = {
  nftables: wanted.flatMap(({ name: table, chains }) => [
    { table: { family: 'inet', name: table } },
    ...chains.map(({ name, hook }) => ({
      chain: {
        family: 'inet',
        table,
        name,
        ...(hook && { type: hook.type, hook: hook.at, prio: hook.priority }),
      },
    })),
    ...chains.flatMap(({ name: chain, rules }) =>
      rules.map((rule) => ({
        rule: { family: 'inet', table, chain, expr: ruleExpressions(rule) },
      })),
    ),
  ]),
};

function rewritten(from: string, to: string): unknown {
  const text = JSON.stringify(listing);
  assert.ok(text.includes(from), from);
  return JSON.parse(text.replaceAll(from, to));
}

test('finds nothing wrong with what is wanted, counted or not', () => {
  assert.equal(differences(listing, podTables, wanted), []);
  const counted = rewritten('"expr":[', '"expr":[{"counter":{"packets":7,"bytes":9}},');
  assert.equal(differences(counted, podTables, wanted), []);
});

test('takes equality with one of a set of bits for membership', () => {
  assert.equal(differences(rewritten('"op":"in"', '"op":"=="'), podTables, wanted), []);
});

test('takes a protocol for the same by name and by number', () => {
  assert.equal(differences(rewritten('"right":"tcp"', '"right":6'), podTables, wanted), []);
  assert.ok(differences(rewritten('"right":"tcp"', '"right":17'), podTables, wanted).length > 0);
});

test('notices another port, mark, order and action', () => {
  for (const [from, to] of [
    ['"port":15001', '"port":15002'],
    ['"right":1337', '"right":1338'],
    ['"op":"!="', '"op":"=="'],
    ['"accept":null', '"return":null'],
  ] as const) {
    assert.ok(differences(rewritten(from, to), podTables, wanted).length > 0, from);
  }
});

test('tells an empty listing, and one that is none', () => {
  for (const empty of [
    { nftables: [] },
    {},
    [],
    null,
    'text',
    { nftables: [null, 1, { rule: 1 }] },
  ]) {
    assert.equal(differences(empty, podTables, wanted), [
      'table istio-ambient-nat is missing',
      'table istio-ambient-mangle is missing',
      'table ambit-guard is missing',
    ]);
  }
});

test.run();
