// A ztunnel as the agent sees it: speaks ZDS, keeps the namespaces it is handed, answers as told.

import { NetworkNamespace } from '../../src/linux/network-namespace.ts';
import { SeqpacketSocket } from '../../src/linux/seqpacket.ts';
import {
  decodeZdsRequest,
  encodeZdsAck,
  encodeZdsHello,
  type ZdsRequest,
} from '../../src/wire/zds.ts';

/** A connected stand-in. */
export class FakeZtunnel {
  readonly socket: SeqpacketSocket;
  /** Requests in the order they came. */
  readonly requests: ZdsRequest[] = [];
  /** Namespace ids by pod uid, as received. */
  readonly namespaces = new Map<string, string>();
  /** The error to answer a request with; empty is success, undefined is no answer at all. */
  answer: (request: ZdsRequest) => string | undefined = () => '';
  /** Called before a request is answered. */
  onRequest: (request: ZdsRequest) => void = () => undefined;
  readonly done: Promise<void>;

  private constructor(socket: SeqpacketSocket) {
    this.socket = socket;
    this.done = this.#run();
  }

  /** Connects, and says hello unless told otherwise. */
  static async connect(
    stack: AsyncDisposableStack,
    path: string,
    hello: Uint8Array | undefined = encodeZdsHello(),
  ): Promise<FakeZtunnel> {
    const socket = await SeqpacketSocket.connect(path);
    const ztunnel = new FakeZtunnel(socket);
    stack.defer(async () => {
      socket.close();
      await ztunnel.done;
    });
    if (hello !== undefined) await socket.send(hello);
    return ztunnel;
  }

  /** Requests as short texts, such as `add uid-1`. */
  get words(): string[] {
    return this.requests.map((request) =>
      'uid' in request ? `${request.kind} ${request.uid}` : request.kind,
    );
  }

  async #run(): Promise<void> {
    for (;;) {
      const packet = await this.socket.receive().catch(() => undefined);
      if (packet === undefined) return;
      const request = decodeZdsRequest(packet.bytes);
      if (request.kind === 'problem') throw new Error(request.problem);
      this.#keep(request.value, packet.descriptors);
      this.onRequest(request.value);
      const error = this.answer(request.value);
      if (error !== undefined) await this.socket.send(encodeZdsAck(error)).catch(() => undefined);
    }
  }

  #keep(request: ZdsRequest, descriptors: readonly number[]): void {
    this.requests.push(request);
    for (const descriptor of descriptors) {
      using namespace = NetworkNamespace.fromDescriptor(descriptor);
      if (request.kind === 'add') this.namespaces.set(request.uid, namespace.id);
    }
    if (request.kind === 'add' && descriptors.length !== 1) {
      throw new Error(`add with ${descriptors.length} descriptors`);
    }
  }
}

/** Waits until a condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
