// Spans of requests, as a collector on loopback receives them by OTLP over HTTP.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import type { IpAddress } from '../../src/mesh/address.ts';
import { keyOfService } from '../../src/mesh/service.ts';
import { type RequestTracer, startTracing } from '../../src/runtime/tracing.ts';
import { suite } from '../support/suite.ts';
import { ask, serviceOf, startApp, startWaypoint, workloadAt } from './fixture.ts';

interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface Collector {
  readonly port: number;
  /** Takes the span with this decision id; waits for it. */
  span(decisionId: string): Promise<ReceivedSpan>;
  /** How many have not been taken. */
  left(): number;
}

const attribute = (span: ReceivedSpan, name: string): string => {
  const value = span.attributes.find(({ key }) => key === name)?.value;
  return String(Object.values(value ?? {})[0]);
};

async function startCollector(stack: AsyncDisposableStack): Promise<Collector> {
  const spans: ReceivedSpan[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      const { resourceSpans } = body as {
        resourceSpans: { scopeSpans: { spans: ReceivedSpan[] }[] }[];
      };
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
      for (const wake of waiting) wake();
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    left: () => spans.length,
    span: async (decisionId) => {
      for (;;) {
        const at = spans.findIndex((span) => attribute(span, 'ambit.decision.id') === decisionId);
        const [found] = at === -1 ? [] : spans.splice(at, 1);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
}

const test = suite<{ collector: Collector; tracer: RequestTracer }>('tracing', {
  async setup({ stack }) {
    const collector = await startCollector(stack);
    Object.assign(process.env, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '20',
    });
    return { collector, tracer: stack.use(await startTracing('waypoint')) };
  },
});

const reviews = serviceOf('reviews');

async function start(stack: AsyncDisposableStack, tracer?: RequestTracer) {
  const waypoint = await startWaypoint(stack, tracer === undefined ? {} : { tracer });
  waypoint.mesh.services.push(reviews);
  const seen: IncomingMessage[] = [];
  const app = await startApp(stack, (request, response) => {
    seen.push(request);
    response.end('hello');
  });
  const pod = workloadAt('reviews-v1', {
    tunnelProtocol: 'none',
    addresses: ['127.0.0.1' as IpAddress],
  });
  waypoint.mesh.add(reviews, pod, app.port);
  waypoint.configure({ service: keyOfService(reviews), routes: [] });
  return { waypoint, seen };
}

const traceId = 'a'.repeat(32);
const given = { traceparent: `00-${traceId}-${'b'.repeat(16)}-01`, tracestate: 'vendor=1' };

test('continues the trace of a request, and the endpoint continues that of the waypoint', async ({
  stack,
  signal,
  collector,
  tracer,
}) => {
  const { waypoint, seen } = await start(stack, tracer);
  const answer = await ask(await waypoint.open(), { path: '/x?y=1', headers: given });
  assert.is(answer.status, 200);
  const record = await waypoint.nextRecord(signal);
  const span = await collector.span(record.id);
  assert.is(span.traceId, traceId);
  assert.is(span.parentSpanId, 'b'.repeat(16));
  assert.is(span.name, 'reviews.default.svc.cluster.local:9080/*');
  assert.is(span.kind, 2, 'a server span');
  assert.is(attribute(span, 'http.request.method'), 'GET');
  assert.is(attribute(span, 'url.path'), '/x');
  assert.is(attribute(span, 'url.query'), 'y=1');
  assert.is(attribute(span, 'http.response.status_code'), '200');
  assert.is(attribute(span, 'ambit.decision.outcome'), 'forwarded');
  const tags = {
    component: 'proxy',
    node_id: 'waypoint/default/waypoint',
    'http.url': 'http://reviews:9080/x?y=1',
    'http.status_code': '200',
    response_flags: '-',
    upstream_cluster: 'outbound|9080||reviews.default.svc.cluster.local',
    response_size: '5',
    'istio.canonical_service': 'reviews',
    'guid:x-request-id': String(seen[0]?.headers['x-request-id']),
  };
  for (const [name, value] of Object.entries(tags)) assert.is(attribute(span, name), value, name);
  assert.is(seen[0]?.headers['traceparent'], `00-${traceId}-${span.spanId}-01`);
  assert.is(seen[0]?.headers['tracestate'], 'vendor=1');
});

test('starts a trace where the request has none', async ({ stack, signal, collector, tracer }) => {
  const { waypoint, seen } = await start(stack, tracer);
  await ask(await waypoint.open(), {});
  const span = await collector.span((await waypoint.nextRecord(signal)).id);
  assert.ok(!span.parentSpanId);
  assert.is(seen[0]?.headers['traceparent'], `00-${span.traceId}-${span.spanId}-01`);
});

const b3Id = '463ac35c9f6413ad48485a3953bb6124';

test('continues B3 in the form in which it came, beside W3C', async ({
  stack,
  signal,
  collector,
  tracer,
}) => {
  const { waypoint, seen } = await start(stack, tracer);
  const forms: Record<string, string>[] = [
    { b3: `${b3Id}-${'b'.repeat(16)}-1` },
    { 'x-b3-traceid': b3Id, 'x-b3-spanid': 'b'.repeat(16), 'x-b3-sampled': '1' },
  ];
  for (const headers of forms) {
    await ask(await waypoint.open(), { headers });
    const span = await collector.span((await waypoint.nextRecord(signal)).id);
    assert.is(span.traceId, b3Id);
    assert.is(span.parentSpanId, 'b'.repeat(16));
    const onward = seen.at(-1)?.headers ?? {};
    assert.is(onward['traceparent'], `00-${b3Id}-${span.spanId}-01`);
    if (headers['b3'] === undefined) {
      assert.is(onward['b3'], undefined);
      assert.is(onward['x-b3-traceid'], b3Id);
      assert.is(onward['x-b3-spanid'], span.spanId);
      assert.is(onward['x-b3-parentspanid'], 'b'.repeat(16));
      assert.is(onward['x-b3-sampled'], '1');
    } else {
      assert.is(onward['b3'], `${b3Id}-${span.spanId}-1-${'b'.repeat(16)}`);
      assert.is(onward['x-b3-traceid'], undefined);
    }
  }
});

test('what is not to be sampled is not, and the next hop is told the same', async ({
  stack,
  signal,
  collector,
  tracer,
}) => {
  const { waypoint, seen } = await start(stack, tracer);
  const forms: Record<string, string>[] = [
    { traceparent: `00-${traceId}-${'b'.repeat(16)}-00` },
    { b3: '0' },
    { b3: `${b3Id}-${'b'.repeat(16)}-0` },
    { 'x-b3-sampled': '0' },
  ];
  for (const headers of forms) {
    await ask(await waypoint.open(), { headers });
    const onward = seen.at(-1)?.headers ?? {};
    assert.match(String(onward['traceparent']), /-00$/);
    if (headers['b3'] !== undefined)
      assert.match(String(onward['b3']), /^[0-9a-f]{32}-[0-9a-f]{16}-0-/);
    if (headers['x-b3-sampled'] !== undefined) assert.is(onward['x-b3-sampled'], '0');
    await waypoint.nextRecord(signal);
  }
  // Spans are sent in order: theirs would have come before this one.
  await ask(await waypoint.open(), { headers: given });
  await collector.span((await waypoint.nextRecord(signal)).id);
  assert.is(collector.left(), 0);
});

test('a request that could not be served is an error with its code', async ({
  stack,
  signal,
  collector,
  tracer,
}) => {
  const { waypoint } = await start(stack, tracer);
  waypoint.mesh.endpoints.clear();
  const { status } = await ask(await waypoint.open(), {});
  assert.is(status, 503);
  const record = await waypoint.nextRecord(signal);
  const span = await collector.span(record.id);
  assert.is(span.status?.code, 2);
  assert.is(attribute(span, 'error.type'), record.verdict.code);
});

test('without a collector, trace headers pass untouched', async ({ stack }) => {
  const { waypoint, seen } = await start(stack);
  await ask(await waypoint.open(), { headers: given });
  assert.is(seen[0]?.headers['traceparent'], given.traceparent);
});

test.run();
