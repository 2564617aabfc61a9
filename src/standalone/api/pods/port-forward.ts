// Forwards connections to ports of a pod: /api/v1/namespaces/NS/pods/NAME/portforward?ports=8080. Client libraries
// ask by WebSocket, kubectl by SPDY, on a connection of its own or, from 1.31, in a WebSocket. What a port refuses ends
// that connection alone, with its reason on the port's error channel.

import type { Socket } from 'node:net';

import { acceptance, offeredProtocols } from '../../../wire/websocket/handshake.ts';
import { closeCodes, MessageSocket } from '../../../wire/websocket/message-socket.ts';
import { badRequest, StatusError } from '../api-error.ts';
import type { Exchange, Upgrade } from '../http/exchange.ts';
import { textAt } from '../json.ts';
import type { ApiObject } from '../store.ts';
import { type ByteCarrier, ofMessages, ofSocket, roomIn } from './byte-carrier.ts';
import {
  askedPorts,
  channelProtocol,
  dataChannel,
  errorChannel,
  onChannel,
  portMessage,
} from './forward-channels.ts';
import type { PodAccess } from './pod-access.ts';
import { SpdyForward } from './spdy-forward.ts';
import { unreachable } from './unreachable.ts';

/** Requests of all callers that forward at a time. */
const maxForwards = 512;

/** How long a client may take to end after the pod has. */
const closeGraceMs = 5_000;

const spdy = 'SPDY/3.1';
const spdyProtocol = 'portforward.k8s.io';
/** SPDY in the messages of a WebSocket (KEP-4006). */
const tunnelProtocol = `${spdy}+${spdyProtocol}`;

/** All forwards of one API server. */
export class PortForwards {
  readonly #pods: PodAccess;
  #open = 0;

  constructor(pods: PodAccess) {
    this.#pods = pods;
  }

  /** Forwards until either side ends. Throws StatusError as long as nothing was accepted. */
  async serve(exchange: Exchange, pod: ApiObject): Promise<void> {
    requireRunning(pod);
    if (this.#open >= maxForwards) {
      throw new StatusError('AMB1209', {
        http: 429,
        reason: 'TooManyRequests',
        message: `${maxForwards} ports of pods are being forwarded, which is the most; end some`,
        details: { retryAfterSeconds: 1 },
      });
    }
    const forwarding = this.#accepted(exchange, pod);
    this.#open++;
    try {
      await forwarding();
    } finally {
      this.#open--;
    }
  }

  /** Accepts the request; what is returned forwards. */
  #accepted(exchange: Exchange, pod: ApiObject): () => Promise<void> {
    const { request, upgrade } = exchange;
    const { headers } = request;
    const offered = offeredProtocols(headers);
    if (upgrade === undefined) throw notSpoken(headers.upgrade ?? 'plain HTTP');
    if (headers.upgrade?.toLowerCase() === spdy.toLowerCase()) {
      const spoken = [headers['x-stream-protocol-version'] ?? []].flat().join(', ');
      if (!spoken.split(/,\s*/).includes(spdyProtocol)) throw notSpoken(`${spdy} with ${spoken}`);
      const carrier = acceptedSpdy(exchange, upgrade);
      return () => new SpdyForward(this.#pods, pod, carrier).run();
    }
    if (offered.includes(tunnelProtocol)) {
      const carrier = ofMessages(acceptedMessages(exchange, upgrade, tunnelProtocol));
      return () => new SpdyForward(this.#pods, pod, carrier).run();
    }
    if (offered.length > 0 && !offered.includes(channelProtocol)) {
      throw notSpoken(offered.join(', '));
    }
    const ports = askedPorts(exchange.query);
    const messages = acceptedMessages(
      exchange,
      upgrade,
      offered.length > 0 ? channelProtocol : undefined,
    );
    const { socket } = upgrade;
    return () =>
      new Forward(this.#pods, pod, ports, messages).run(() => {
        socket.setTimeout(closeGraceMs, () => socket.destroy());
      });
  }
}

function requireRunning(pod: ApiObject): void {
  const phase = textAt(pod.status, 'phase') ?? 'Pending';
  if (phase === 'Running') return;
  const { namespace = '', name } = pod.metadata;
  throw badRequest(
    'AMB1209',
    `unable to forward port because pod ${namespace}/${name} is not running, it is ${phase}`,
  );
}

/** Accepts the WebSocket. */
function acceptedMessages(
  { request, response }: Exchange,
  { socket, head }: Upgrade,
  protocol: string | undefined,
): MessageSocket {
  const answer = acceptance(request.headers, protocol);
  if (answer.kind === 'problem') throw badRequest('AMB1203', answer.problem);
  response.detachSocket(socket);
  socket.write(answer.value);
  return new MessageSocket(socket, { head });
}

/** Accepts SPDY on the connection itself. */
function acceptedSpdy({ response }: Exchange, { socket, head }: Upgrade): ByteCarrier {
  response.detachSocket(socket);
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    `Upgrade: ${spdy}`,
    `X-Stream-Protocol-Version: ${spdyProtocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return ofSocket(socket, head);
}

function notSpoken(asked: string): StatusError {
  return new StatusError('AMB1207', {
    http: 501,
    reason: 'NotImplemented',
    message: `ports are forwarded by WebSocket with ${channelProtocol} or ${tunnelProtocol}, or by ${spdy} with ${spdyProtocol}, not by ${asked}`,
  });
}

/** One accepted request. */
class Forward {
  readonly #pods: PodAccess;
  readonly #namespace: string;
  readonly #name: string;
  readonly #ports: readonly number[];
  readonly #messages: MessageSocket;
  readonly #ending = new AbortController();
  readonly #sockets = new Map<number, Promise<Socket | undefined>>();

  constructor(pods: PodAccess, pod: ApiObject, ports: readonly number[], messages: MessageSocket) {
    this.#pods = pods;
    this.#namespace = pod.metadata.namespace ?? '';
    this.#name = pod.metadata.name;
    this.#ports = ports;
    this.#messages = messages;
  }

  /** `onPodEnd` is called when no port has anything more to say. */
  async run(onPodEnd: () => void): Promise<void> {
    const fromPod = Promise.all(this.#ports.map((port, index) => this.#fromPort(port, index)));
    const ended = fromPod.then(() => {
      this.#messages.close(closeCodes.normal);
      onPodEnd();
    });
    try {
      await this.#toPorts();
    } catch {
      // The client broke off, or spoke something else: told by the closing frame, if it still can be.
    } finally {
      this.#ending.abort();
      await this.#leave();
      await ended;
    }
  }

  /** Gives the pod what came before the client's end, and ends. */
  async #leave(): Promise<void> {
    for (const opening of this.#sockets.values()) (await opening)?.destroySoon();
  }

  async #fromPort(port: number, index: number): Promise<void> {
    const messages = this.#messages;
    // Both are on their way before the client, or what is told of the connection, can be heard.
    const begun = [dataChannel(index), errorChannel(index)].map((channel) =>
      messages.send(portMessage(channel, port)),
    );
    const opening = this.#connect(port, index);
    this.#sockets.set(index, opening);
    await Promise.all(begun);
    const socket = await opening;
    if (socket === undefined) return;
    try {
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        await messages.send(onChannel(dataChannel(index), chunk as Buffer));
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) await this.#tell(port, index, error);
    }
  }

  async #connect(port: number, index: number): Promise<Socket | undefined> {
    try {
      const { signal } = this.#ending;
      const socket = await this.#pods.connect(this.#namespace, this.#name, port, signal);
      socket.on('error', () => {
        // Whoever reads it is told.
      });
      return socket;
    } catch (error) {
      if (!this.#ending.signal.aborted) await this.#tell(port, index, error);
      return undefined;
    }
  }

  async #tell(port: number, index: number, error: unknown): Promise<void> {
    const what = `error forwarding port ${port} to pod ${this.#namespace}/${this.#name}`;
    const { message = '' } = unreachable(error, what).status;
    await this.#messages.send(onChannel(errorChannel(index), Buffer.from(message)));
  }

  /** Ends when the client does. */
  async #toPorts(): Promise<void> {
    for await (const message of this.#messages.messages()) {
      const channel = message[0] ?? 0;
      const socket = channel % 2 === 0 ? await this.#sockets.get(channel / 2) : undefined;
      // What is meant for a port that refused or has ended goes nowhere.
      if (socket?.writable !== true) continue;
      if (socket.write(message.subarray(1))) continue;
      await roomIn(socket);
    }
  }
}
