// What MeshConfig says of the access logs of waypoints (features section 3.3.1).

import { accessLogFormat, accessLogJsonFormat } from '../../mesh/access-log-format.ts';

/** Fields that are read here. */
export const accessLogFields = ['accessLogFile', 'accessLogEncoding', 'accessLogFormat'] as const;

/** The form that waypoints give to the lines of their access log. */
export interface AccessLogConfig {
  readonly encoding: 'TEXT' | 'JSON';
  /** The default of the encoding when empty. */
  readonly format: string;
}

/** The configuration; absent where Istio would write no access log: then waypoints write their own form. */
export interface AccessLogReading {
  readonly accessLog?: AccessLogConfig;
  readonly problems: readonly { readonly field: string; readonly text: string }[];
  /** What has no effect, for the author. */
  readonly ignored: readonly string[];
}

/** Reads it from the fields of MeshConfig. */
export function readAccessLog(root: Readonly<Record<string, unknown>>): AccessLogReading {
  const { accessLogFile: file, accessLogEncoding = 'TEXT', accessLogFormat: format = '' } = root;
  const nothing = { problems: [], ignored: [] };
  if (file === undefined || file === null || file === '') return nothing;
  if (file !== '/dev/stdout') {
    return { problems: [], ignored: ['accessLogFile other than /dev/stdout'] };
  }
  if (accessLogEncoding !== 'TEXT' && accessLogEncoding !== 'JSON') {
    const text = `${JSON.stringify(accessLogEncoding)} must be TEXT or JSON`;
    return { problems: [{ field: 'accessLogEncoding', text }], ignored: [] };
  }
  if (typeof format !== 'string') {
    return { problems: [{ field: 'accessLogFormat', text: 'must be text' }], ignored: [] };
  }
  const read = accessLogEncoding === 'TEXT' ? accessLogFormat : accessLogJsonFormat;
  const made = format === '' ? undefined : read(format);
  if (format !== '' && made === undefined) {
    const text = 'must be a JSON object, as accessLogEncoding is JSON';
    return { problems: [{ field: 'accessLogFormat', text }], ignored: [] };
  }
  return {
    accessLog: { encoding: accessLogEncoding, format },
    problems: [],
    ignored: (made?.unknown ?? []).map((one) => `accessLogFormat ${one}`),
  };
}
