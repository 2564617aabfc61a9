// Spans of what passes, sent by OTLP. Loaded only where an operator names a collector: the packages
// cost memory and start-up time that nobody else should pay.

import { randomBytes } from 'node:crypto';
import type { api as openTelemetry } from '@opentelemetry/sdk-node';
import { type B3Context, onwardB3, readB3 } from './b3.ts';

type Attributes = openTelemetry.Attributes;

/** A header list, as requests carry them. */
type Headers = readonly (readonly [name: string, value: string])[];

/** What a request is, by the semantic conventions for HTTP servers. */
export interface SpanStart {
  /** Low in cardinality: the method. */
  readonly name: string;
  /** Headers of the request; `traceparent` and `tracestate`, or B3's, are continued. */
  readonly headers: Headers;
  readonly attributes: Attributes;
}

/** How it ended. */
export interface SpanEnd {
  readonly attributes: Attributes;
  /** Why, when it failed. */
  readonly failure?: string;
}

/** One span under way. */
export interface RequestSpan {
  /** The request's headers for the next hop, which continue this span. */
  readonly headers: Headers;
  end(how: SpanEnd): void;
}

/** Makes spans; disposal sends what is left. */
export interface RequestTracer extends AsyncDisposable {
  start(request: SpanStart): RequestSpan;
}

/** How long the last spans may take to be sent. */
const flushMs = 2_000;

/** Starts sending spans. Where to, how sampled and how batched is what OpenTelemetry's own OTEL_*
 * variables say. Never throws for a collector that is away: spans are dropped then. */
export async function startTracing(service: string): Promise<RequestTracer> {
  const { NodeSDK, api } = await import('@opentelemetry/sdk-node');
  const sdk = new NodeSDK({
    serviceName: service,
    autoDetectResources: false,
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  const { trace, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags } = api;
  const tracer = trace.getTracer('ambit');
  return {
    start({ name, headers, attributes }) {
      const carrier = carrierOf(headers);
      const extracted = propagation.extract(ROOT_CONTEXT, carrier);
      const b3 = trace.getSpanContext(extracted) === undefined ? readB3(carrier) : undefined;
      const before = b3 && remoteOf(b3);
      const parent = before === undefined ? extracted : trace.setSpanContext(extracted, before);
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
      const onward: Record<string, string> = {};
      propagation.inject(trace.setSpan(parent, span), onward);
      const { traceId, spanId, traceFlags } = span.spanContext();
      const sampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
      const parentSpanId = trace.getSpanContext(parent)?.spanId;
      const given = { traceId, spanId, sampled, ...(parentSpanId && { parentSpanId }) };
      return {
        headers: withHeaders(headers, { ...onward, ...onwardB3(headers, given) }),
        end({ attributes: more, failure }) {
          span.setAttributes(more);
          if (failure !== undefined) {
            span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
          }
          span.end();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, flushMs);
      });
      await Promise.race([sdk.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

/** The span before this one, as B3 tells of it. A refusal to sample counts without ids, too; a wish to do
 * so is then left to our own sampling. */
function remoteOf({ traceId, spanId, sampled }: B3Context): openTelemetry.SpanContext | undefined {
  const isWhole = traceId !== undefined && spanId !== undefined;
  if (!isWhole && sampled !== false) return undefined;
  return {
    traceId: traceId ?? randomBytes(16).toString('hex'),
    spanId: spanId ?? randomBytes(8).toString('hex'),
    traceFlags: sampled === false ? 0 : 1,
    isRemote: true,
  };
}

/** The last of each name, in lower case. */
function carrierOf(headers: Headers): Record<string, string> {
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]));
}

function withHeaders(headers: Headers, instead: Readonly<Record<string, string>>): Headers {
  const others = headers.filter(([name]) => !Object.hasOwn(instead, name.toLowerCase()));
  return [...others, ...Object.entries(instead)];
}
