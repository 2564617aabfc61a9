// Formats of access logs as Istio's users write them: text with Envoy's command operators, `%NAME(ARGUMENT):LENGTH%`
// (MeshConfig `accessLogFormat`, features sections 3.1.4 and 3.3.1).

/** A line's values under the names of Istio's JSON encoding. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A format ready for use. */
export interface AccessLogFormat {
  readonly render: (fields: LogFields) => string;
  /** Operators that have no value here: `-` stands in their place. */
  readonly unknown: readonly string[];
}

/** Istio's own, in its order. */
export const defaultTextFormat =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% ' +
  '%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%';

/** Operators whose name is that of the field in capitals. */
const plain = new Set(
  (
    'START_TIME PROTOCOL RESPONSE_CODE RESPONSE_FLAGS RESPONSE_CODE_DETAILS CONNECTION_TERMINATION_DETAILS ' +
    'UPSTREAM_TRANSPORT_FAILURE_REASON BYTES_RECEIVED BYTES_SENT DURATION UPSTREAM_HOST UPSTREAM_CLUSTER ' +
    'UPSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_REMOTE_ADDRESS REQUESTED_SERVER_NAME ROUTE_NAME ' +
    'GRPC_STATUS'
  ).split(' '),
);

const renamed = new Map([
  ['UPSTREAM_CLUSTER_RAW', 'upstream_cluster'],
  ['GRPC_STATUS_NUMBER', 'grpc_status'],
]);

const withoutPort = new Map([
  ['DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT', 'downstream_remote_address'],
  ['DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT', 'downstream_local_address'],
]);

const requestHeaders = new Map([
  [':method', 'method'],
  [':path', 'path'],
  [':authority', 'authority'],
  ['x-forwarded-for', 'x_forwarded_for'],
  ['user-agent', 'user_agent'],
  ['x-request-id', 'request_id'],
]);

type Piece = (fields: LogFields) => string;

/** Reads a format. */
export function accessLogFormat(text: string): AccessLogFormat {
  const unknown: string[] = [];
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(/%([A-Z_0-9]+)(?:\(([^)]*)\))?(?::(\d+))?%|%%/g)) {
    const literal = text.slice(at, match.index);
    if (literal !== '') pieces.push(() => literal);
    at = match.index + match[0].length;
    const [whole, name, argument, length] = match;
    if (name === undefined) {
      pieces.push(() => '%');
      continue;
    }
    const piece = operator(name, argument);
    if (piece === undefined) unknown.push(whole);
    const most = length === undefined ? undefined : Number(length);
    pieces.push((fields) => (piece?.(fields) ?? '-').slice(0, most));
  }
  const rest = text.slice(at).replace(/\n$/, '');
  if (rest !== '') pieces.push(() => rest);
  return { unknown, render: (fields) => pieces.map((piece) => piece(fields)).join('') };
}

/** The format of a JSON line: an object of formats, as text. Undefined when it is none. */
export function accessLogJsonFormat(text: string): AccessLogFormat | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const entries = Object.entries(parsed).map(
    ([key, value]) => [key, accessLogFormat(String(value))] as const,
  );
  return {
    unknown: entries.flatMap(([, { unknown }]) => unknown),
    render: (fields) =>
      JSON.stringify(
        Object.fromEntries(
          entries.map(([key, { render }]) => {
            const value = render(fields);
            return [key, value === '-' ? null : value];
          }),
        ),
      ),
  };
}

function operator(name: string, argument: string | undefined): Piece | undefined {
  const field = plain.has(name) ? name.toLowerCase() : renamed.get(name);
  if (field !== undefined) return (fields) => shown(fields[field]);
  const bare = withoutPort.get(name);
  if (bare !== undefined) return (fields) => shown(fields[bare]).replace(/:\d+$/, '');
  // What a client was told is not kept; Istio's default names it, so it is no surprise.
  if (name === 'RESP' && argument?.toLowerCase() === 'x-envoy-upstream-service-time')
    return () => '-';
  if (name !== 'REQ') return undefined;
  const [found] = (argument ?? '')
    .toLowerCase()
    .split('?')
    .flatMap((one) => requestHeaders.get(one) ?? []);
  return found === undefined ? undefined : (fields) => shown(fields[found]);
}

/** One line, whatever clients wrote. */
function shown(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(/["\\]|\p{Cc}/gu, (one) =>
    one === '"' || one === '\\'
      ? `\\${one}`
      : `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
