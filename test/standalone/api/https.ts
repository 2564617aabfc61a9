// Plain HTTPS requests to an API server of a test.

import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';

import type { ApiServer } from '../../../src/standalone/api/api-server.ts';

export interface Answer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The admin's when absent; none when null. */
  readonly token?: string | null;
}

/** Asks once and reads the whole answer. The server's certificate is checked. */
export function ask(server: ApiServer, what: Ask): Promise<Answer> {
  const token = what.token === undefined ? server.adminToken : what.token;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port: server.port,
        ca: server.caCertificate,
        agent: false,
        method: what.method ?? 'GET',
        path: what.path,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...what.headers,
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () =>
          resolve({
            code: answer.statusCode ?? 0,
            headers: answer.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(what.body);
  });
}
