// The `format` keywords that are checked. Unknown formats check nothing, as in OpenAPI.

import net from 'node:net';

const checks: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['date-time', isTime],
  ['date', (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text)],
  ['ipv4', net.isIPv4],
  ['ipv6', net.isIPv6],
  ['byte', (text: string) => /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text)],
  ['uuid', (text: string) => /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(text)],
  ['uri', (text: string) => URL.canParse(text)],
  ['duration', (text: string) => /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$|^0$/.test(text)],
  [
    'quantity',
    (text: string) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE])?$/.test(text),
  ],
]);

/** Whether the text has the format. */
export function matchesFormat(text: string, format: string): boolean {
  return checks.get(format)?.(text) ?? true;
}

function isTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text) &&
    !Number.isNaN(Date.parse(text))
  );
}
