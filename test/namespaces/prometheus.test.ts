// What a stock Prometheus knows of the mesh after some traffic.

import path from 'node:path';
import * as assert from 'uvu/assert';
import { until } from '../../demo/mesh.ts';
import { upMesh } from '../support/laptop-mesh.ts';
import { scrapeTargets, startPrometheus } from '../support/prometheus.ts';
import { suite } from '../support/suite.ts';

const test = suite('a real Prometheus', { deadlineMs: 120_000 });
const bookinfo = path.resolve(import.meta.dirname, '../../examples/bookinfo');

test('scrapes ztunnel and waypoint, and answers what traffic passed', async ({ stack }) => {
  const mesh = await upMesh(stack, 'prom', { folder: bookinfo, publish: 'productpage:9080' });
  await mesh.kubectl('label', 'namespace', 'default', 'istio.io/dataplane-mode=ambient');
  await mesh.kubectl('apply', '-f', path.join(bookinfo, 'routing/waypoint.yaml'));
  await mesh.kubectl('wait', '--for=condition=Programmed', 'gateway/waypoint', '--timeout=30s');
  await mesh.kubectl('label', 'service', 'reviews', 'istio.io/use-waypoint=waypoint');
  const prometheus = await startPrometheus(stack, {
    namespace: `/run/netns/ambit-${mesh.name}-node1`,
    targets: scrapeTargets(await mesh.kubectl('get', 'pods', '-A', '-o', 'json')),
  });
  const [requests] = await until('requests by way of the waypoint', async () => {
    await mesh.get('/productpage');
    const found = await prometheus.query(
      'sum by (source_workload, destination_service_name, response_code, connection_security_policy) ' +
        '(istio_requests_total{reporter="waypoint", source_workload="productpage-v1"})',
    );
    return found.length > 0 ? found : undefined;
  });
  assert.equal(requests?.labels, {
    source_workload: 'productpage-v1',
    destination_service_name: 'reviews',
    response_code: '200',
    connection_security_policy: 'mutual_tls',
  });
  assert.ok((requests?.value ?? 0) > 0);
  const labelled = await prometheus.query(
    'sum(istio_requests_total{reporter="waypoint", request_protocol="http", response_flags="-", ' +
      'grpc_response_status="", source_canonical_service="productpage", destination_canonical_service="reviews", ' +
      'destination_service="reviews.default.svc.cluster.local", source_principal=~"spiffe://.+/sa/bookinfo-productpage", ' +
      'destination_principal=~"spiffe://.+/sa/bookinfo-reviews"}) > 0',
  );
  assert.is(labelled.length, 1);
  for (const histogram of ['request_duration_milliseconds', 'request_bytes', 'response_bytes']) {
    const quantile = `histogram_quantile(0.5, sum by (le) (istio_${histogram}_bucket{reporter="waypoint"})) >= 0`;
    assert.is((await prometheus.query(quantile)).length, 1, histogram);
  }
  const bytes = await until('bytes by mutual TLS', async () => {
    const found = await prometheus.query(
      'sum(istio_tcp_sent_bytes_total{reporter="destination", destination_workload="details-v1", connection_security_policy="mutual_tls"}) > 0',
    );
    return found[0]?.value;
  });
  assert.ok(bytes > 100);
  const builds = await prometheus.query('count by (component) (istio_build)');
  const components = new Set(builds.map(({ labels }) => labels['component']));
  assert.equal(components, new Set(['proxy', 'ztunnel']));
  const down = await prometheus.query('up == 0');
  assert.equal(down, []);
});

test.run();
