// Reads the name in a client's TLS hello, with a stream from which nothing seems to have been read.

import type { ByteStream } from '../../dataplane/byte-stream.ts';
import type { ConnectionRoute } from '../../mesh/route.ts';
import { readTlsHello } from '../../wire/tls-hello.ts';
import { prefixedStream } from '../front/prefixed-stream.ts';

/** The name, absent where there is none or no TLS. */
export interface ReadSni {
  readonly stream: ByteStream;
  readonly sni?: string;
}

/** Whether any route asks for the name. Only then is a client's first message waited for. */
export function needsSni(routes: readonly ConnectionRoute[] | undefined): boolean {
  return (routes ?? []).some(({ matches }) =>
    matches.some(({ sniHosts }) => sniHosts !== undefined),
  );
}

/** Waits for the hello as long as what comes can be one. Rejects when the stream is reset first. */
export async function readSni(stream: ByteStream): Promise<ReadSni> {
  const early: Uint8Array[] = [];
  let length = 0;
  let needed = 1;
  for (;;) {
    const bytes = await stream.read();
    if (bytes === undefined) {
      return { stream: prefixedStream(stream, early, Promise.resolve(undefined)) };
    }
    early.push(bytes);
    length += bytes.length;
    if (length < needed) continue;
    const hello = readTlsHello(Buffer.concat(early));
    if (hello.kind === 'more') {
      needed = hello.needed;
      continue;
    }
    const name = hello.kind === 'hello' && hello.name !== undefined ? { sni: hello.name } : {};
    return { stream: prefixedStream(stream, early), ...name };
  }
}
