import * as assert from 'uvu/assert';
import { baggageOf, parseBaggage } from '../../src/mesh/baggage.ts';
import { forwardedHeader, forwardedHost, traceIdOf } from '../../src/mesh/hop-headers.ts';
import { aWorkload, ipAddress } from '../support/mesh-values.ts';
import { suite } from '../support/suite.ts';

const test = suite('the headers of a tunnel as Istio has them');

// Recorded from a stock ztunnel (istio/ztunnel, August 2026): the headers of a CONNECT for a service.
const recorded = {
  baggage:
    'k8s.cluster.name=Kubernetes,k8s.namespace.name=it,k8s.pod.name=a1,service.name=a1,service.version=latest',
  forwarded: 'for="10.244.1.6:48490";host=a2.it.svc.cluster.local',
  traceparent: '00-659cb8dc3989fea8b83d405feadd5698-43b334a78bd1cca4-00',
};

test('reads what a stock ztunnel tells of a source', () => {
  assert.equal(parseBaggage(recorded.baggage), {
    clusterId: 'Kubernetes',
    namespace: 'it',
    workloadType: 'pod',
    workloadName: 'a1',
    canonicalName: 'a1',
    canonicalRevision: 'latest',
  });
  assert.is(forwardedHost(recorded.forwarded), 'a2.it.svc.cluster.local');
  assert.is(traceIdOf(recorded.traceparent), '659cb8dc3989fea8b83d405feadd5698');
});

test('tells of a source in the same bytes', () => {
  const workload = aWorkload('a1', { namespace: 'it', canonicalRevision: 'latest' });
  assert.is(baggageOf(workload), recorded.baggage);
  const source = { address: ipAddress('10.244.1.6'), port: 48_490 };
  assert.is(forwardedHeader(source, 'a2.it.svc.cluster.local'), recorded.forwarded);
});

test.run();
