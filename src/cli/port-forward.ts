// A connection to a port within a pod, through the API server: pods/portforward by WebSocket, protocol
// `v4.channel.k8s.io`. It reaches what listens on the pod's loopback only, which the proxy subresource of a
// cluster does not. Channel 0 is the data, channel 1 what went wrong; each begins with the port's number.

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { Duplex } from 'node:stream';
import { AmbitError } from '../runtime/errors.ts';
import { acceptOf } from '../wire/websocket/handshake.ts';
import { closeCodes, MessageSocket } from '../wire/websocket/message-socket.ts';

const protocol = 'v4.channel.k8s.io';
const dataChannel = 0;
const portNumberBytes = 2;
/** Of a refusal, in characters. */
const maxRefusal = 16 * 1024;
/** Bytes of one message to the pod at most. */
const chunkBytes = 64 * 1024;

/** Which port of which pod. */
export interface PodPort {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

/** Opens a connection. `options` prove who asks. It may be open before the pod's port is: if that refuses,
 * the connection fails with AMB1833, as it does when the API server does not accept. The pod sees the end of
 * what is written only when the whole connection ends: the protocol has no word for less. */
export async function openPodPort(
  server: URL,
  options: https.RequestOptions,
  target: PodPort,
): Promise<Duplex> {
  const { namespace, pod, port } = target;
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`;
  const key = randomBytes(16).toString('base64');
  const request = https.request(urlBelow(server, path), {
    ...options,
    method: 'GET',
    headers: {
      ...(options.headers as OutgoingHttpHeaders | undefined),
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': key,
      'sec-websocket-protocol': protocol,
    },
  });
  const object = `Pod ${namespace}/${pod}`;
  const fail = (what: string, cause?: unknown): AmbitError =>
    new AmbitError('AMB1833', `port ${port} cannot be forwarded: ${what}`, { object, cause });
  return await new Promise((resolve, reject) => {
    request.on('error', (error) => reject(fail(`${server.origin} cannot be reached`, error)));
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('response', (response) => {
      void refusalOf(response).then((text) => reject(fail(text)));
    });
    request.on('upgrade', (response, socket, head) => {
      if (response.headers['sec-websocket-accept'] !== acceptOf(key)) {
        socket.destroy();
        reject(fail('the answer is no WebSocket handshake'));
        return;
      }
      socket.setTimeout(0);
      const messages = new MessageSocket(socket, { head, mask: () => randomBytes(4) });
      resolve(new PodConnection(messages, (text) => fail(text)));
    });
    request.end();
  });
}

/** A path of an API server, whose address may have a path of its own, as behind Rancher. */
export function urlBelow(server: URL, path: string): URL {
  return new URL(`${server.pathname.replace(/\/$/, '')}${path}`, server);
}

/** What the API server says: the message of its Status object, if it is one. */
async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  try {
    for await (const chunk of response) {
      text += chunk as string;
      if (text.length > maxRefusal) break;
    }
    const { message } = JSON.parse(text) as { message?: string };
    return `${response.statusCode}: ${message ?? text}`;
  } catch {
    return `${response.statusCode}: ${text.slice(0, 300)}`;
  }
}

/** The data of both ways as a stream. */
class PodConnection extends Duplex {
  readonly #messages: MessageSocket;
  readonly #fail: (text: string) => Error;
  #room: (() => void) | undefined;

  constructor(messages: MessageSocket, fail: (text: string) => Error) {
    super();
    this.#messages = messages;
    this.#fail = fail;
    void this.#receive();
  }

  async #receive(): Promise<void> {
    const seen = [0, 0];
    try {
      for await (const message of this.#messages.messages()) {
        const channel = message[0] ?? 0;
        const before = seen[channel] ?? 0;
        seen[channel] = before + message.length - 1;
        const payload = message.subarray(1 + Math.max(0, portNumberBytes - before));
        if (payload.length === 0) continue;
        if (channel !== dataChannel) throw this.#fail(payload.toString());
        if (!this.push(payload)) await this.#reader();
      }
      this.push(null);
    } catch (error) {
      this.destroy(error instanceof AmbitError ? error : this.#fail(String(error)));
    }
  }

  /** Resolves when more is wanted. */
  #reader(): Promise<void> {
    return new Promise((resolve) => (this.#room = resolve));
  }

  override _read(): void {
    this.#room?.();
    this.#room = undefined;
  }

  override _write(chunk: Buffer, _encoding: unknown, done: (error?: Error) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += chunkBytes) {
      const part = chunk.subarray(at, at + chunkBytes);
      await this.#messages.send(Buffer.concat([Buffer.of(dataChannel), part]));
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#messages.close(closeCodes.normal);
    this._read();
    done(error);
  }
}
