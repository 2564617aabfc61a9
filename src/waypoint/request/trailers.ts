// Which fields may follow a body. Policies and routes have judged by then, and some recipients merge
// trailers into the head (RFC 9110 section 6.5.1).

import type { HeaderList } from '../../mesh/header-operations.ts';

/** Framing, routing, conditions, authentication, and how to read the content. */
const forbidden = new Set([
  'age',
  'authorization',
  'cache-control',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'keep-alive',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'retry-after',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'vary',
  'warning',
  'www-authenticate',
]);

/** The trailers that may go on; the others are left out, as a recipient may do. */
export function allowedTrailers(trailers: HeaderList): HeaderList {
  return trailers.filter(([name]) => {
    const plain = name.toLowerCase().replaceAll('_', '-');
    return (
      !forbidden.has(plain) &&
      !plain.startsWith(':') &&
      !plain.startsWith('if-') &&
      !plain.startsWith('x-forwarded-') &&
      !plain.startsWith('x-envoy-')
    );
  });
}
