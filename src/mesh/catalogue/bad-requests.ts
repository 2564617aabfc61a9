// Codes 1745 to 1759: requests at a waypoint that can not be read, or in more than one way.

import type { CatalogueEntry } from './entry.ts';

export const badRequestCodes = {
  AMB1745: {
    title: 'the head of the request is too large',
    cause: 'The request line and the header fields are longer, or more, than a waypoint takes.',
    remedy: 'Send less in header fields, often cookies; the limits are 64 KiB and 1,000 fields.',
  },
  AMB1746: {
    title: 'the head of the request came too slowly',
    cause: 'A client began a request and did not finish its header fields within a minute.',
    remedy: 'Look whether the client hangs; many of these from one client can be an attack.',
  },
  AMB1747: {
    title: 'where the request ends is not clear',
    cause:
      'Content-Length and Transfer-Encoding are repeated, contradict each other or are malformed, or a chunk is.',
    remedy: 'Correct the client: one Content-Length, or Transfer-Encoding: chunked, and not both.',
  },
  AMB1748: {
    title: 'whom the request is for is not clear',
    cause: 'Host is missing, repeated or malformed, or differs from the authority of the request.',
    remedy: 'Correct the client: one Host, a name or address and perhaps a port.',
  },
  AMB1749: {
    title: 'a header field could be taken for another',
    cause:
      'The name or the value of a field has characters it may not have, a field is folded over lines, or its name has underscores where a field that proxies vouch for has hyphens.',
    remedy: 'Rename the field or correct its value; ambit why ID names it.',
  },
  AMB1750: {
    title: 'CONNECT is not for services',
    cause: 'A client asked the waypoint to connect to another host, as a forward proxy does.',
    remedy: 'Connect to the host itself: the mesh takes the connection without a proxy setting.',
  },
  AMB1751: {
    title: 'the version of HTTP is not served',
    cause: 'The request names a version of HTTP that is not 1.0, 1.1 or 2, or none.',
    remedy: 'Use HTTP/1.1 or HTTP/2.',
  },
  AMB1752: {
    title: 'the client broke the rules of HTTP/2',
    cause:
      'A request was malformed (RFC 9113 section 8.1.1), or a frame not allowed; the stream or the connection was reset.',
    remedy: 'Correct the client: ambit why ID says which error code it was sent.',
  },
  AMB1753: {
    title: 'the client asked too much of an HTTP/2 connection',
    cause: 'It reset streams, or sent frames without content, faster than any client needs to.',
    remedy:
      'Look whether the client is under attack or attacks: only its own connection was ended.',
  },
} as const satisfies Record<`AMB${number}`, CatalogueEntry>;
