// Istio's TCP metrics: names, labels and their rules, held against what a stock ztunnel counted for the same
// traffic; and no workload, however odd, makes an empty label.

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  type TrafficParties,
  trafficLabelNames,
  trafficLabels,
} from '../../src/dataplane/traffic-labels.ts';
import { flagOf, TrafficMetrics } from '../../src/dataplane/traffic-metrics.ts';
import type { Code } from '../../src/mesh/catalogue.ts';
import { type Identity, parseIdentity } from '../../src/mesh/identity.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { aService, aWorkload } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('TCP metrics');

const namespace = 'it';
const a1 = aWorkload('a1', { namespace });
const b1 = aWorkload('b1', { namespace });
const identityOf = (name: string): Identity => {
  const identity = parseIdentity(`spiffe://cluster.local/ns/it/sa/${name}`);
  if (identity === undefined) throw new TypeError('not an identity');
  return identity;
};
const tunnelled: TrafficParties = {
  reporter: 'source',
  source: a1,
  sourceIdentity: identityOf('a1'),
  destination: b1,
  service: aService('b1', { namespace }),
  mutualTls: true,
};

test('a tunnelled connection has the labels that a stock ztunnel gave it, in its order', () => {
  const recorded =
    'reporter="source",source_workload="a1",source_canonical_service="a1",source_canonical_revision="latest",' +
    'source_workload_namespace="it",source_principal="spiffe://cluster.local/ns/it/sa/a1",source_app="a1",' +
    'source_version="latest",source_cluster="Kubernetes",destination_service="b1.it.svc.cluster.local",' +
    'destination_service_namespace="it",destination_service_name="b1",destination_workload="b1",' +
    'destination_canonical_service="b1",destination_canonical_revision="latest",' +
    'destination_workload_namespace="it",destination_principal="spiffe://cluster.local/ns/it/sa/b1",' +
    'destination_app="b1",destination_version="latest",destination_cluster="Kubernetes",request_protocol="tcp",' +
    'response_flags="-",connection_security_policy="mutual_tls",source_region="unknown",' +
    'source_zone="unknown",destination_region="unknown",destination_zone="unknown"';
  const labels = Object.entries(trafficLabels(tunnelled));
  assert.is(labels.map(([name, value]) => `${name}="${value}"`).join(','), recorded);
});

const text = fc.oneof(fc.constant(''), fc.stringMatching(/^[a-z0-9.-]{1,12}$/));
const workload = fc
  .record({ a: text, b: text, c: text, d: text, e: text, hbone: fc.boolean() })
  .map(({ a, b, c, d, e, hbone }) =>
    aWorkload(a === '' ? 'w' : a, {
      workloadName: a,
      canonicalName: b,
      canonicalRevision: c,
      clusterId: d,
      locality: { region: d, zone: e, subzone: '' },
      tunnelProtocol: hbone ? 'hbone' : 'none',
    }),
  );
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

test('what is missing or empty is unknown, whatever the ends are', () => {
  const parties = fc.record({
    reporter: fc.constantFrom('source', 'destination'),
    source: maybe(workload),
    destination: maybe(workload),
    baggage: maybe(text.map((workloadName) => ({ workloadName }))),
    mutualTls: fc.boolean(),
  });
  fc.assert(
    fc.property(parties, ({ reporter, source, destination, baggage, mutualTls }) => {
      const labels = trafficLabels({
        reporter,
        mutualTls,
        sourceIdentity: identityOf('a1'),
        ...(source && { source }),
        ...(destination && { destination }),
        ...(baggage && { sourceBaggage: baggage }),
      });
      assert.equal(Object.keys(labels), [...trafficLabelNames]);
      for (const [name, value] of Object.entries(labels)) assert.ok(value.length > 0, name);
      assert.is(labels.source_principal, mutualTls ? identityOf('a1') : 'unknown');
      assert.is(labels.connection_security_policy, mutualTls ? 'mutual_tls' : 'unknown');
      assert.is(
        labels.source_app,
        source?.canonicalName || (source ? 'unknown' : labels.source_app),
      );
      const named = source === undefined ? baggage?.workloadName : source.workloadName;
      assert.is(labels.source_workload, named || 'unknown', 'what is known of the address wins');
      assert.is(labels.destination_service, 'unknown');
    }),
  );
});

test('what came by baggage alone has its workload as application', () => {
  const { source: _, ...rest } = tunnelled;
  const sourceBaggage = { workloadName: 'web', canonicalName: 'shop', canonicalRevision: 'v2' };
  const labels = trafficLabels({ ...rest, sourceBaggage });
  assert.is(labels.source_workload, 'web');
  assert.is(labels.source_app, 'web');
  assert.is(labels.source_canonical_service, 'shop');
  assert.is(labels.source_version, 'v2');
});

/** The samples of a metric as `response_flags value`. */
function samples(body: string, name: string): string[] {
  return body
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => `${/response_flags="([^"]*)"/.exec(line)?.[1]} ${line.split(' ').at(-1)}`);
}

test('bytes are counted while they flow, the flag only at the end, an end once', async () => {
  const registry = createRegistry();
  const meter = new TrafficMetrics(registry).open(tunnelled);
  meter.sent(3);
  meter.received(5);
  const during = await registry.text();
  assert.equal(samples(during, 'istio_tcp_received_bytes_total'), ['- 3']);
  assert.equal(samples(during, 'istio_tcp_sent_bytes_total'), ['- 5']);
  assert.match(during, 'istio_tcp_sockets_open{reporter="source"} 1');
  meter.sent(1);
  meter.close('AMB1411');
  meter.close();
  const after = await registry.text();
  assert.equal(samples(after, 'istio_tcp_received_bytes_total'), ['- 4']);
  assert.equal(samples(after, 'istio_tcp_connections_opened_total'), ['- 1']);
  assert.equal(samples(after, 'istio_tcp_connections_closed_total'), ['DENY 1']);
  assert.equal(samples(after, 'istio_tcp_connections_failed_total'), ['DENY 1']);
  assert.match(after, 'istio_tcp_sockets_open{reporter="source"} 0');
});

test('each kind of failure has its flag', () => {
  const flags: Readonly<Record<string, readonly Code[]>> = {
    DENY: ['AMB1401', 'AMB1411'],
    NETWORK_POLICY: ['AMB1501'],
    TLS_FAILURE: ['AMB1503', 'AMB1504'],
    IDENTITY_ERROR: ['AMB1505'],
    H2_HANDSHAKE_FAILURE: ['AMB1506'],
    CONNECT: ['AMB1502', 'AMB1409'],
  };
  for (const [flag, codes] of Object.entries(flags))
    for (const code of codes) assert.is(flagOf(code), flag, code);
  assert.is(flagOf(undefined), '-');
});

test.run();
