// One HTTP request on a connection to a pod.

import http from 'node:http';
import type { Duplex } from 'node:stream';
import { AmbitError } from '../runtime/errors.ts';

/** Of an answer, in characters: the whole state of a proxy of a large mesh. */
const answerMax = 256 * 1024 * 1024;
/** The longest silence. */
const deadlineMs = 10_000;

export interface PodRequest {
  readonly method?: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
}

export interface PodAnswer {
  readonly status: number;
  readonly text: string;
}

/** Asks, reads the whole answer and ends the connection. Rejects with what ended the connection, or AMB1833
 * naming `object` when the answer is none or does not come. */
export function askOn(
  connection: Duplex,
  { method = 'GET', path }: PodRequest,
  object: string,
): Promise<PodAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      connection.destroy();
      const isCoded = error instanceof AmbitError;
      const what = `no answer to ${method} ${path}`;
      reject(isCoded ? error : new AmbitError('AMB1833', what, { object, cause: error }));
    };
    const sent = http.request(
      {
        method,
        path,
        headers: { host: 'localhost', connection: 'close' },
        createConnection: () => connection,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          timer.refresh();
          if (text.length > answerMax) sent.destroy(new Error('the answer is too large'));
        });
        response.on('end', () => {
          connection.destroy();
          resolve({ status: response.statusCode ?? 0, text });
        });
        response.on('error', fail);
      },
    );
    const timer = setTimeout(
      () => sent.destroy(new Error(`nothing came for ${deadlineMs} ms`)),
      deadlineMs,
    );
    sent.on('close', () => clearTimeout(timer));
    sent.on('error', fail);
    sent.end();
  });
}
