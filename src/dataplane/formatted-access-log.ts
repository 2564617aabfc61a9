// The access log in the form that MeshConfig asks for, in the place of our own lines: text or JSON of Istio's fields.

import {
  type AccessLogFormat,
  accessLogFormat,
  accessLogJsonFormat,
  defaultTextFormat,
} from '../mesh/access-log-format.ts';
import type { DecisionRecord } from '../mesh/decision.ts';
import { requestFields } from './access-log.ts';

export interface AccessLogSettings {
  /** As MeshConfig has it; ours when empty. */
  readonly encoding: '' | 'TEXT' | 'JSON';
  /** The default of the encoding when empty. */
  readonly format: string;
}

/** Makes the line of a record; undefined where our own lines are to be written. */
export function formattedAccessLog({
  encoding,
  format,
}: AccessLogSettings): ((record: DecisionRecord) => string) | undefined {
  const made = formatOf(encoding, format);
  return made && ((record) => made.render(fieldsOf(record)));
}

function formatOf(
  encoding: AccessLogSettings['encoding'],
  format: string,
): AccessLogFormat | undefined {
  if (encoding === 'TEXT') return accessLogFormat(format === '' ? defaultTextFormat : format);
  // Our own lines have all fields of Istio's.
  if (encoding === '' || format === '') return undefined;
  return accessLogJsonFormat(format);
}

/** Connections without HTTP have what is left of the fields then. */
function fieldsOf(record: DecisionRecord): Readonly<Record<string, unknown>> {
  if (record.http !== undefined) return requestFields(record) as Readonly<Record<string, unknown>>;
  const { time, durationMs, bytesSent, bytesReceived, source, destination, transport } = record;
  return {
    start_time: new Date(Date.parse(time) - durationMs).toISOString(),
    response_code: 0,
    bytes_received: bytesSent,
    bytes_sent: bytesReceived,
    duration: Math.round(durationMs),
    upstream_host: transport === 'none' ? undefined : destination.address,
    downstream_remote_address: source.address,
    route_name: record.verdict.route,
  };
}
