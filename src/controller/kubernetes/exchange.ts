// One HTTPS request to the API server: its answer as a whole, or as a stream.

import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';

/** Larger answers are not read. */
const maxAnswerBytes = 256 * 1024 * 1024;
/** How soon the kernel asks a silent peer whether it is still there. */
const keepAliveMs = 15_000;

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends a request and reads the whole answer; rejects when none comes within `options.timeout`
 * milliseconds of silence, or when `options.signal` fires. */
export async function exchange(url: URL, options: RequestOptions, body: unknown): Promise<Answer> {
  const response = await open(url, options, body);
  return { status: response.statusCode ?? 0, text: await readText(response) };
}

/** Sends a request and resolves when the head of the answer is there; its body is the caller's to read
 * or destroy. */
export function open(url: URL, options: RequestOptions, body: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, resolve);
    outgoing.on('socket', (socket) => socket.setKeepAlive(true, keepAliveMs));
    outgoing.on('timeout', () => {
      outgoing.destroy(new Error(`no answer within ${options.timeout ?? 0} ms`));
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Reads the rest of an answer. */
export function readText(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxAnswerBytes) response.destroy(new Error('the answer is too large'));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString()));
    response.on('error', reject);
  });
}
