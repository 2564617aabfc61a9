import * as assert from 'uvu/assert';
import { selectParty } from '../../src/cli/select-party.ts';
import type { DecisionRecord } from '../../src/mesh/decision.ts';
import { describeTrace } from '../../src/mesh/describe-decision.ts';
import { suite } from '../support/suite.ts';

const test = suite('why');

const pod = (name: string, namespace: string, ip: string, app: string) => ({
  metadata: { name, namespace, labels: { app } },
  status: { podIPs: [{ ip }] },
});
const objects = {
  pods: [
    pod('reviews-v1-5c8d-abcde', 'default', '10.244.1.2', 'reviews'),
    pod('reviews-v2-77aa-fghij', 'default', '10.244.2.2', 'reviews'),
    pod('ratings-v1-12ab-klmno', 'default', '10.244.2.3', 'ratings'),
    pod('ratings-v1-12ab-pqrst', 'other', '10.244.2.4', 'ratings'),
  ],
  services: [
    { metadata: { name: 'ratings', namespace: 'default' }, spec: { clusterIPs: ['10.96.0.7'] } },
  ],
};

test('a Deployment means its pods and not those of a longer name', () => {
  assert.equal([...selectParty('reviews-v1', objects).pods], ['default/reviews-v1-5c8d-abcde']);
});

test('a name may mean a service and the pods with that app label at once', () => {
  const selected = selectParty('ratings.default:9080', objects);
  assert.is(selected.port, 9080);
  assert.ok(selected.addresses.has('10.96.0.7') && selected.addresses.has('10.244.2.3'));
  assert.not.ok(selected.addresses.has('10.244.2.4'), 'the other namespace is not meant');
  assert.equal([...selected.services], ['default/ratings.default.svc']);
});

test('a namespace that was given is where names without one are', () => {
  const inOther = { ...objects, namespace: 'other' };
  assert.equal([...selectParty('ratings-v1', inOther).pods], ['other/ratings-v1-12ab-pqrst']);
  assert.is(selectParty('default/ratings-v1', inOther).pods.size, 1);
  assert.throws(() => selectParty('reviews-v1', inOther), /AMB1806/);
});

test('a host of a ServiceEntry means the services of that name', () => {
  const entries = [
    {
      metadata: { name: 'e', namespace: 'team' },
      spec: { hosts: ['Db.internal', 'x.example.com'] },
    },
    { metadata: { name: 'f', namespace: 'other' }, spec: { hosts: ['x.example.com'] } },
  ];
  const at = (word: string) => [...selectParty(word, { ...objects, entries }).services];
  assert.equal(at('db.internal:5432'), ['team/db.internal']);
  assert.equal(at('x.example.com'), ['team/x.example.com', 'other/x.example.com']);
  assert.throws(() => at('y.example.com'), /AMB1806/);
});

test('an address means itself, IPv6 in brackets when a port follows', () => {
  assert.ok(selectParty('10.9.9.9', objects).addresses.has('10.9.9.9'));
  const v6 = selectParty('[fd00::1]:80', objects);
  assert.ok(v6.addresses.has('fd00::1'));
  assert.is(v6.port, 80);
});

const base: DecisionRecord = {
  id: '00000000000000aa',
  traceId: '0123456789abcdef0123456789abcdef',
  time: '2026-11-21T01:00:00.000Z',
  by: 'ztunnel/node1',
  direction: 'outbound',
  source: { address: '10.244.1.2:40000', workload: 'productpage-v1', namespace: 'default' },
  destination: { address: '10.96.0.7:9080', service: 'default/ratings.default.svc.cluster.local' },
  transport: 'tunnel',
  verdict: { outcome: 'failed', code: 'AMB1401', reason: 'the peer refused the tunnel' },
  configVersion: 'c0ffee',
  bytesSent: 0,
  bytesReceived: 0,
  durationMs: 3,
};

test('tells a trace in the order the traffic passed, with the policy that decided', () => {
  const inbound: DecisionRecord = {
    ...base,
    id: '00000000000000bb',
    by: 'ztunnel/node2',
    direction: 'inbound',
    transport: 'none',
    verdict: {
      outcome: 'denied',
      code: 'AMB1401',
      reason: 'ALLOW policies apply and none matched',
      policy: 'default/ratings-only-reviews',
    },
  };
  const text = describeTrace([inbound, base]);
  assert.ok(text.indexOf('ztunnel/node1') < text.indexOf('ztunnel/node2'));
  assert.match(text, 'policy default/ratings-only-reviews');
  assert.match(text, /denied \(AMB1401\)/);
  assert.match(text, 'remedy: ');
});

test.run();
