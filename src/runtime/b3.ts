// Trace context in B3's headers, single and multiple (the openzipkin specification of B3 propagation), beside
// W3C's: what a request came with goes on in the same form.

type Headers = readonly (readonly [name: string, value: string])[];

/** What B3 headers say of the span before this one. */
export interface B3Context {
  /** 32 hexadecimal digits; ids of 16 are filled with zeros. Absent when only a decision came. */
  readonly traceId?: string;
  readonly spanId?: string;
  /** Absent when the decision is left to us. */
  readonly sampled?: boolean;
}

/** The span that goes on. */
export interface OnwardSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The span before it. */
  readonly parentSpanId?: string;
}

const single = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/i;
const traceIdShape = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/i;
const spanIdShape = /^[0-9a-f]{16}$/i;
const nothing = /^0+$/;

/** Reads B3 headers by their lower-case names, the single one first. Undefined when there are none that
 * can be read. */
export function readB3(headers: Readonly<Record<string, string>>): B3Context | undefined {
  return readSingle(headers['b3']) ?? readMultiple(headers);
}

function readSingle(value: string | undefined): B3Context | undefined {
  if (value === undefined) return undefined;
  if (/^[01d]$/.test(value)) return { sampled: value !== '0' };
  const [, traceId = '', spanId = '', decision] = single.exec(value) ?? [];
  return contextOf(traceId, spanId, decision === undefined ? undefined : decision !== '0');
}

function readMultiple(headers: Readonly<Record<string, string>>): B3Context | undefined {
  const traceId = headers['x-b3-traceid'] ?? '';
  const spanId = headers['x-b3-spanid'] ?? '';
  const said = headers['x-b3-flags'] === '1' ? '1' : headers['x-b3-sampled']?.toLowerCase();
  const sampled = said === undefined ? undefined : said === '1' || said === 'true';
  const isWhole = traceIdShape.test(traceId) && spanIdShape.test(spanId);
  const whole = isWhole ? contextOf(traceId, spanId, sampled) : undefined;
  return whole ?? (sampled === undefined ? undefined : { sampled });
}

function contextOf(
  traceId: string,
  spanId: string,
  sampled: boolean | undefined,
): B3Context | undefined {
  if (traceId === '' || nothing.test(traceId) || nothing.test(spanId)) return undefined;
  return {
    traceId: traceId.toLowerCase().padStart(32, '0'),
    spanId: spanId.toLowerCase(),
    ...(sampled !== undefined && { sampled }),
  };
}

/** The B3 headers for the next hop, in the forms that the request came with; none when it had none. */
export function onwardB3(headers: Headers, span: OnwardSpan): Readonly<Record<string, string>> {
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const { traceId, spanId, sampled, parentSpanId } = span;
  const decision = sampled ? '1' : '0';
  const parent = parentSpanId === undefined ? '' : `-${parentSpanId}`;
  const hasMultiple = ['x-b3-traceid', 'x-b3-sampled', 'x-b3-flags'].some((one) => names.has(one));
  return {
    ...(names.has('b3') && { b3: `${traceId}-${spanId}-${decision}${parent}` }),
    ...(hasMultiple && {
      'x-b3-traceid': traceId,
      'x-b3-spanid': spanId,
      'x-b3-sampled': decision,
      ...(parentSpanId !== undefined && { 'x-b3-parentspanid': parentSpanId }),
    }),
  };
}
