// The pure parts of balancing, by tables: shares of groups, places, warm-up and what is hashed.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { LocalityBalancing, Warmup } from '../../src/mesh/destination.ts';
import { groupByPlace, isWithin, type PlaceRules } from '../../src/mesh/group-by-place.ts';
import { formatCookie, hashInput } from '../../src/mesh/hash-input.ts';
import type { Scope } from '../../src/mesh/service.ts';
import { drawShare, shareByPriority, shareByWeight } from '../../src/mesh/share-load.ts';
import { warmthOf } from '../../src/mesh/warm-up.ts';
import type { Locality } from '../../src/mesh/workload.ts';
import { suite } from '../support/suite.ts';
import { workloadAt } from '../waypoint/fixture.ts';

const test = suite('tables of balancing');

const placeOf = (text: string): Locality => {
  const [region = '', zone = '', subzone = ''] = text.split('/');
  return { region, zone, subzone };
};
const placed = (text: string, labels: Record<string, string> = {}) => ({
  workload: workloadAt(text, { locality: placeOf(text), node: labels['node'] ?? 'node1' }),
  labels,
});

/** Names of places by group, as `r1/z1` sees them. */
function grouped(places: readonly string[], rules: PlaceRules, own = 'r1/z1/s1'): string[][] {
  const { groups } = groupByPlace(
    places.map((place) => placed(place)),
    placed(own),
    rules,
  );
  return groups.map(({ members }) => members.map((index) => places[index] ?? ''));
}

const everywhere = ['r3/z1', 'r1/z2', 'r1/z1/s1', 'r2/z1', 'r1/z1/s2', 'r1/z1/s1'];
const orders: readonly [string, LocalityBalancing, string[][]][] = [
  [
    'subzone, zone, region, others',
    {},
    [['r1/z1/s1', 'r1/z1/s1'], ['r1/z1/s2'], ['r1/z2'], ['r3/z1', 'r2/z1']],
  ],
  [
    'the region that takes over before others',
    { failover: [{ from: 'r1', to: 'r2' }] },
    [['r1/z1/s1', 'r1/z1/s1'], ['r1/z1/s2'], ['r1/z2'], ['r2/z1'], ['r3/z1']],
  ],
  [
    'a takeover from another region says nothing',
    { failover: [{ from: 'r9', to: 'r2' }] },
    [['r1/z1/s1', 'r1/z1/s1'], ['r1/z1/s2'], ['r1/z2'], ['r3/z1', 'r2/z1']],
  ],
  [
    'leading labels of failoverPriority',
    { failoverPriority: ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'] },
    [['r1/z1/s1', 'r1/z1/s2', 'r1/z1/s1'], ['r1/z2'], ['r3/z1', 'r2/z1']],
  ],
  [
    'a value that failoverPriority gives goes before the own one',
    { failoverPriority: ['topology.kubernetes.io/region=r2'] },
    [['r2/z1'], ['r3/z1', 'r1/z2', 'r1/z1/s1', 'r1/z1/s2', 'r1/z1/s1']],
  ],
];
for (const [what, locality, expected] of orders) {
  test(`places are in the order of ${what}`, () => {
    assert.equal(grouped(everywhere, { locality }), expected);
  });
}

test('labels of pods are compared in their order, up to the first that differs', () => {
  const own = placed('r1', { version: 'v1', tier: 'a' });
  const endpoints = [
    placed('r1', { version: 'v2', tier: 'a' }),
    placed('r1', { version: 'v1', tier: 'b' }),
    placed('r1', { version: 'v1', tier: 'a' }),
  ];
  const locality = { failoverPriority: ['version', 'tier'] };
  const { groups } = groupByPlace(endpoints, own, { locality });
  assert.equal(
    groups.map(({ members }) => members),
    [[2], [1], [0]],
  );
});

test('without a rule, or without a place of its own, all are alike', () => {
  assert.is(grouped(everywhere, {}).length, 1);
  const { groups } = groupByPlace([placed('r1'), placed('r2')], undefined, { locality: {} });
  assert.is(groups.length, 1);
});

test("a service's own preference counts where no locality is given", () => {
  const preference: Scope[] = ['network', 'region', 'zone'];
  assert.equal(grouped(['r2/z1', 'r1/z2', 'r1/z1/s9'], { preference }), [
    ['r1/z1/s9'],
    ['r1/z2'],
    ['r2/z1'],
  ]);
  const first = grouped(['r2/z1', 'r1/z1/s1'], { preference, locality: { failoverPriority: [] } });
  assert.is(first.length, 1);
});

test('distribution gives places their weights, the most precise name first, and others nothing', () => {
  const locality = {
    distribute: [
      { from: 'r9/*', to: { 'r9/*': 100 } },
      { from: 'r1/z1/*', to: { 'r1/*': 20, 'r1/z1/*': 70, 'r2/z1': 10 } },
    ],
  };
  const endpoints = everywhere.map((place) => placed(place));
  const { by, groups } = groupByPlace(endpoints, placed('r1/z1/s1'), { locality });
  assert.is(by, 'weight');
  const told = groups.map(({ name, weight, members }) => [name, weight, members]);
  assert.equal(
    told.toSorted(([one], [other]) => String(one).localeCompare(String(other))),
    [
      ['r1/*', 20, [1]],
      ['r1/z1/*', 70, [2, 4, 5]],
      ['r2/z1', 10, [3]],
    ],
  );
  assert.is(grouped(everywhere, { locality }, 'r2/z2').length, 1);
});

test('a pattern covers what lies below it', () => {
  const cases: readonly [string, string, boolean][] = [
    ['r1/z1/s1', '*', true],
    ['r1/z1/s1', 'r1', true],
    ['r1/z1/s1', 'r1/*', true],
    ['r1/z1/s1', 'r1/z1/s1', true],
    ['r1/z1/s1', 'r1/z1/s2', false],
    ['r1/z1', 'r1/z2/*', false],
    ['r11/z1', 'r1/*', false],
  ];
  for (const [place, pattern, expected] of cases) {
    assert.is(isWithin(placeOf(place), pattern), expected, `${place} in ${pattern}`);
  }
});

const health = (healthy: number, total = 100, weight = 1) => ({ healthy, total, weight });
const loads: readonly [string, readonly (readonly [number, number])[], number[]][] = [
  [
    'all healthy',
    [
      [10, 10],
      [10, 10],
    ],
    [100, 0],
  ],
  [
    'enough healthy',
    [
      [72, 100],
      [100, 100],
    ],
    [100, 0],
  ],
  [
    'half healthy',
    [
      [50, 100],
      [100, 100],
    ],
    [70, 30],
  ],
  [
    'none healthy',
    [
      [0, 100],
      [25, 100],
      [100, 100],
    ],
    [0, 35, 65],
  ],
  [
    'too few altogether',
    [
      [25, 100],
      [25, 100],
    ],
    [50, 50],
  ],
  [
    'empty',
    [
      [0, 0],
      [5, 5],
    ],
    [0, 100],
  ],
  [
    'nothing',
    [
      [0, 5],
      [0, 5],
    ],
    [0, 0],
  ],
];
for (const [what, groups, expected] of loads) {
  test(`with ${what} the load is spilled to the next as Envoy does it`, () => {
    const shares = shareByPriority(groups.map(([healthy, total]) => health(healthy, total)));
    assert.equal(
      shares.map((share) => Math.round(share * 100)),
      expected,
    );
  });
}

test('shares add up to one where anything can be used, and nothing unusable is drawn', () => {
  const group = fc
    .tuple(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 100 }))
    .map(([healthy, more, weight]) => health(healthy, healthy + more, weight));
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 6 }), unit, (groups, random) => {
      for (const shares of [shareByPriority(groups), shareByWeight(groups)]) {
        const sum = shares.reduce((total, one) => total + one, 0);
        const any = groups.some(({ healthy }) => healthy > 0);
        assert.ok(Math.abs(sum - (any ? 1 : 0)) < 1e-9);
        const drawn = drawShare(shares, random);
        if (any) assert.ok((groups[drawn ?? -1]?.healthy ?? 0) > 0);
        else assert.is(drawn, undefined);
      }
    }),
  );
});

test('shares by weight shrink with the health of a place', () => {
  const shares = shareByWeight([health(5, 5, 70), health(5, 5, 20), health(0, 5, 10)]);
  assert.equal(
    shares.map((share) => Math.round(share * 90)),
    [70, 20, 0],
  );
});

const warmup: Warmup = { durationMs: 60_000, minimumPercent: 10, aggression: 1 };
const warmths: readonly [number, Partial<Warmup>, number][] = [
  [0, {}, 0.1],
  [3_000, {}, 0.1],
  [30_000, {}, 0.5],
  [60_000, {}, 1],
  [90_000, {}, 1],
  [15_000, { aggression: 2 }, 0.5],
  [0, { minimumPercent: 0 }, 1 / 60_000],
];
for (const [ageMs, changes, expected] of warmths) {
  test(`after ${ageMs} ms with ${JSON.stringify(changes)} the share is ${expected}`, () => {
    assert.ok(Math.abs(warmthOf(ageMs, { ...warmup, ...changes }) - expected) < 1e-9);
  });
}

test('a header, a query parameter, a cookie or the source is hashed, and chance decides without', () => {
  const request = {
    headers: [
      ['X-User', 'b'],
      ['x-user', 'a'],
      ['cookie', 'other=1; session="abc"'],
    ],
    method: 'GET',
    authority: 'shop.example',
    target: '/path?user=me%20too&user=you',
  } as const;
  const facts = { sourceAddress: '10.0.0.1', request };
  const key = (rule: Parameters<typeof hashInput>[0]) => {
    const input = hashInput(rule, facts);
    return input.kind === 'key' ? input.key : input.kind;
  };
  assert.is(key({ header: 'x-user' }), 'a,b');
  assert.is(key({ header: 'x-missing' }), 'none');
  assert.is(key({ header: ':authority' }), 'shop.example');
  assert.is(key({ header: ':path' }), request.target);
  assert.is(key({ queryParameter: 'user' }), 'me too');
  assert.is(key({ queryParameter: 'missing' }), 'none');
  assert.is(key({ cookie: { name: 'session' } }), 'abc');
  assert.is(key({ cookie: { name: 'missing' } }), 'none');
  assert.is(key({ cookie: { name: 'missing', ttlMs: 0 } }), 'make');
  assert.is(key({ sourceAddress: true }), '10.0.0.1');
  assert.is(hashInput({ sourceAddress: true }, { sourceAddress: '::1' }).kind, 'key');
  assert.is(hashInput({ header: 'x-user' }, { sourceAddress: '::1' }).kind, 'none');
});

test('a cookie is written with all that is said of it', () => {
  assert.is(formatCookie({ name: 'a', ttlMs: 0 }, 'v'), 'a=v; HttpOnly');
  const attributes = [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }];
  assert.is(
    formatCookie({ name: 'a', path: '/x', ttlMs: 60_500, attributes }, 'v'),
    'a=v; Max-Age=61; Path=/x; SameSite=Strict; Secure; HttpOnly',
  );
});

test.run();
