// The words that header blocks of SPDY/3 are compressed with (draft 3, section 2.6.10.1): length and name of
// each header field, then texts that are common in values.

const names = [
  'options head post put delete trace accept accept-charset accept-encoding accept-language',
  'accept-ranges age allow authorization cache-control connection content-base content-encoding',
  'content-language content-length content-location content-md5 content-range content-type date',
  'etag expect expires from host if-match if-modified-since if-none-match if-range',
  'if-unmodified-since last-modified location max-forwards pragma proxy-authenticate',
  'proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade',
  'user-agent vary via warning www-authenticate method get status',
]
  .join(' ')
  .split(' ');

const later = [
  '200 OK',
  'version',
  'HTTP/1.1',
  'url',
  'public',
  'set-cookie',
  'keep-alive',
  'origin',
];

const codes = [
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505',
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request',
  '401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented',
  '503 Service Unavailable',
];

const values = [
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT',
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain',
  ',text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
];

/** The dictionary's bytes. */
export function headerDictionary(): Buffer {
  const withLength = [...names, ...later].map((text) => {
    const bytes = Buffer.alloc(4 + text.length, text);
    bytes.writeUInt32BE(text.length);
    bytes.write(text, 4);
    return bytes;
  });
  return Buffer.concat([...withLength, Buffer.from([...codes, ...values].join(''))]);
}

/** Adler-32 (RFC 1950), by which compressed data names its dictionary. */
export function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of bytes) {
    low = (low + byte) % 65_521;
    high = (high + low) % 65_521;
  }
  return high * 65_536 + low;
}
