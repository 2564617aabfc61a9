// Puts one question to a webhook over HTTPS and reads the answer.

import { randomUUID } from 'node:crypto';
import https from 'node:https';
import type { Socket } from 'node:net';
import tls from 'node:tls';

import type { PodAccess } from '../pods/pod-access.ts';
import type { ObjectTable } from '../storage/object-table.ts';
import { type AdmissionRequest, readVerdict, reviewOf, type Verdict } from './admission-review.ts';
import { connectToService } from './reach-service.ts';
import { addressOf, type Webhook } from './webhook.ts';

/** Larger answers are not read. */
const maxAnswerBytes = 1024 * 1024;

/** What webhooks are reached through. */
export interface WebhookReach {
  readonly table: ObjectTable;
  readonly pods: PodAccess;
}

/** What became of a call; `failed` says why in Kubernetes' words. */
export type CallOutcome =
  | { readonly kind: 'answered'; readonly verdict: Verdict }
  | { readonly kind: 'failed'; readonly problem: string };

/** Asks a webhook; never rejects. */
export async function callWebhook(
  reach: WebhookReach,
  webhook: Webhook,
  request: AdmissionRequest,
  version: string,
): Promise<CallOutcome> {
  const uid = randomUUID();
  const signal = AbortSignal.timeout(webhook.timeoutMs);
  const url = new URL(addressOf(webhook.place));
  url.searchParams.set('timeout', `${webhook.timeoutMs / 1000}s`);
  try {
    const body = JSON.stringify(reviewOf(request, version, uid));
    const answer = await post(reach, webhook, url, body, signal);
    const verdict = readVerdict(answer, uid);
    if (typeof verdict === 'string') return { kind: 'failed', problem: verdict };
    return { kind: 'answered', verdict };
  } catch (error) {
    const why = signal.aborted
      ? 'context deadline exceeded'
      : error instanceof Error
        ? error.message
        : String(error);
    // As it is configured: a URL leaves the port out where it is the usual one.
    const address = `${addressOf(webhook.place)}${url.search}`;
    return { kind: 'failed', problem: `failed to call webhook: Post "${address}": ${why}` };
  }
}

async function post(
  reach: WebhookReach,
  webhook: Webhook,
  url: URL,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  const { place, caCertificates } = webhook;
  const options: https.RequestOptions = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    },
    signal,
    ...(caCertificates !== undefined && { ca: caCertificates }),
  };
  if (place.kind === 'url') return await send(url, { ...options, agent: false }, body);
  const socket = await connectToService(reach.table, reach.pods, place, signal);
  try {
    const servername = `${place.name}.${place.namespace}.svc`;
    const secured = await secure(socket, servername, caCertificates, signal);
    return await send(url, { ...options, createConnection: () => secured }, body);
  } finally {
    socket.destroy();
  }
}

function secure(
  socket: Socket,
  servername: string,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = tls.connect({ socket, servername, ...(ca !== undefined && { ca }) });
    const stop = (): void => void secured.destroy(new Error('aborted'));
    signal.addEventListener('abort', stop, { once: true });
    secured.once('secureConnect', () => {
      signal.removeEventListener('abort', stop);
      resolve(secured);
    });
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('the connection was closed')));
  });
}

function send(url: URL, options: https.RequestOptions, body: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const outgoing = https.request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxAnswerBytes) outgoing.destroy(new Error('the answer is too large'));
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0 } = response;
        if (statusCode !== 200) {
          reject(new Error(`the server answered ${statusCode}: ${text.slice(0, 200).trim()}`));
          return;
        }
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error('the answer is no JSON'));
        }
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
