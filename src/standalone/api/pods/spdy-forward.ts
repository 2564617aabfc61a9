// Ports forwarded as kubectl asks for it: protocol `portforward.k8s.io` on SPDY/3.1. For each connection the client
// opens two streams with the same request id: on one goes the data, on the other, to the client alone, what went wrong.

import type { Socket } from 'node:net';

import {
  dataFrame,
  pingFrame,
  replyFrame,
  resetFrame,
  resetReasons,
  type SpdyFrame,
  SpdyReader,
} from '../../../wire/spdy/frames.ts';
import { EmptyHeaders, HeaderReader } from '../../../wire/spdy/header-block.ts';
import type { ApiObject } from '../store.ts';
import { type ByteCarrier, roomIn } from './byte-carrier.ts';
import type { PodAccess } from './pod-access.ts';
import { unreachable } from './unreachable.ts';

/** Connections that one client may have at a time. */
const maxConnections = 256;
/** Bytes of one frame to the client. */
const chunkBytes = 64 * 1024;

/** One forwarded connection. */
interface Forwarded {
  readonly port: number;
  error: number | undefined;
  data: number | undefined;
  /** Set once both streams are there. */
  socket: Promise<Socket | undefined> | undefined;
}

/** Everything that one client forwards to one pod. */
export class SpdyForward {
  readonly #pods: PodAccess;
  readonly #pod: ApiObject['metadata'];
  readonly #carrier: ByteCarrier;
  readonly #ending = new AbortController();
  readonly #replies = new EmptyHeaders();
  readonly #byRequest = new Map<string, Forwarded>();
  readonly #byData = new Map<number, Forwarded>();

  constructor(pods: PodAccess, pod: ApiObject, carrier: ByteCarrier) {
    this.#pods = pods;
    this.#pod = pod.metadata;
    this.#carrier = carrier;
  }

  /** Until the client ends. */
  async run(): Promise<void> {
    using headers = new HeaderReader();
    const reader = new SpdyReader();
    try {
      for await (const chunk of this.#carrier.bytes()) {
        const { frames, problem } = reader.push(chunk);
        for (const frame of frames) await this.#take(frame, headers);
        if (problem !== undefined) return;
      }
    } catch {
      // The client broke off, or spoke something else: it is told by the end of the connection.
    } finally {
      this.#ending.abort();
      for (const { socket } of this.#byRequest.values()) (await socket)?.destroySoon();
      this.#carrier.close();
    }
  }

  async #take(frame: SpdyFrame, headers: HeaderReader): Promise<void> {
    switch (frame.kind) {
      case 'stream':
        await this.#open(frame.stream, await headers.read(frame.headers));
        return;
      case 'data':
        await this.#toPod(frame.stream, frame.payload, frame.isLast);
        return;
      case 'reset':
        (await this.#byData.get(frame.stream)?.socket)?.destroy();
        return;
      case 'ping':
        await this.#carrier.send(pingFrame(frame.id));
        return;
      case 'other':
        return;
    }
  }

  async #open(stream: number, headers: ReadonlyMap<string, string>): Promise<void> {
    const port = Number(headers.get('port'));
    const type = headers.get('streamtype');
    const request = headers.get('requestid') ?? headers.get('port') ?? '';
    const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
    if (!isPort || (type !== 'data' && type !== 'error')) {
      await this.#carrier.send(resetFrame(stream, resetReasons.protocolError));
      return;
    }
    const known = this.#byRequest.get(request);
    if (known === undefined && this.#byRequest.size >= maxConnections) {
      await this.#carrier.send(resetFrame(stream, resetReasons.refused));
      return;
    }
    const forwarded = known ?? { port, error: undefined, data: undefined, socket: undefined };
    this.#byRequest.set(request, forwarded);
    forwarded[type] = stream;
    if (type === 'data') this.#byData.set(stream, forwarded);
    await this.#carrier.send(replyFrame(stream, this.#replies.next()));
    const { error, data } = forwarded;
    if (error === undefined || data === undefined || forwarded.socket !== undefined) return;
    forwarded.socket = this.#connect(port, error);
    void this.#fromPod(request, forwarded.socket, { error, data, port });
  }

  async #connect(port: number, error: number): Promise<Socket | undefined> {
    const { namespace = '', name } = this.#pod;
    try {
      const socket = await this.#pods.connect(namespace, name, port, this.#ending.signal);
      socket.on('error', () => {
        // Whoever reads it is told.
      });
      return socket;
    } catch (problem) {
      await this.#tell(port, error, problem);
      return undefined;
    }
  }

  async #fromPod(
    request: string,
    opening: Promise<Socket | undefined>,
    streams: { readonly error: number; readonly data: number; readonly port: number },
  ): Promise<void> {
    const socket = await opening;
    try {
      for await (const chunk of socket?.iterator({ destroyOnReturn: false }) ?? []) {
        const bytes = chunk as Buffer;
        for (let at = 0; at < bytes.length; at += chunkBytes) {
          const part = bytes.subarray(at, at + chunkBytes);
          await this.#carrier.send(dataFrame(streams.data, part, false));
        }
      }
    } catch (problem) {
      if (!this.#ending.signal.aborted) await this.#tell(streams.port, streams.error, problem);
    }
    const nothing = Buffer.alloc(0);
    await this.#carrier.send(dataFrame(streams.data, nothing, true));
    await this.#carrier.send(dataFrame(streams.error, nothing, true));
    if (socket?.writable === true) await closed(socket);
    this.#byRequest.delete(request);
    this.#byData.delete(streams.data);
  }

  async #tell(port: number, stream: number, problem: unknown): Promise<void> {
    const what = `error forwarding port ${port} to pod ${this.#pod.namespace}/${this.#pod.name}`;
    const { message = '' } = unreachable(problem, what).status;
    await this.#carrier.send(dataFrame(stream, Buffer.from(message), false));
  }

  async #toPod(stream: number, payload: Buffer, isLast: boolean): Promise<void> {
    const socket = await this.#byData.get(stream)?.socket;
    // What is meant for a port that refused or has ended goes nowhere; so does the end of an error stream.
    if (socket?.writable !== true) return;
    if (payload.length > 0 && !socket.write(payload)) await roomIn(socket);
    if (isLast) socket.end();
  }
}

/** The pod has said everything; what the client still says may go on. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', resolve)));
}
