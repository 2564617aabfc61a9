// Keeps one delta discovery stream to the controller alive (protocol section 4.3). What was received
// stays in force while there is no stream; a new one resumes by naming what is held.

import type { ClientDuplexStream } from '@grpc/grpc-js';
import { Backoff } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { AmbitError, causeChain } from '../runtime/errors.ts';
import type { Logger } from '../runtime/log.ts';
import { inTurns, turnsOf } from '../runtime/turns.ts';
import { type ScannedResponse, scanDeltaResponse } from '../wire/scan-discovery.ts';
import { writeInitialVersions } from '../wire/write-discovery.ts';
import {
  aggregatedDiscoveryService,
  type DeltaRequest,
  type DiscoveryNode,
  encodeDeltaRequest,
  everyResource,
  partNoncePrefix,
  partsMetadata,
} from '../wire/xds.ts';
import { type ControllerAccess, openController } from './subscription-channel.ts';
import type { Demand } from './subscription-demand.ts';
import { endOf, isBenign } from './subscription-end.ts';
import type { RejectedResource, SubscribedKind } from './subscription-kind.ts';

const reconnectShape = { firstMs: 10, maxMs: 15_000, jitter: 0.1 };

/** Large messages are written and read a slice at a time, so gRPC takes and gives bytes. */
type Stream = ClientDuplexStream<Buffer, Buffer>;

export interface SubscriptionOptions extends ControllerAccess {
  readonly node: DiscoveryNode;
  /** In the order of their first requests. */
  readonly kinds: readonly SubscribedKind[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer?: SubscriptionObserver;
}

/** Who counts. */
export interface SubscriptionObserver {
  onMessage(typeUrl: string, resourceBytes: number): void;
  onStreamEnd(reason: 'ConnectionError' | 'Error' | 'Reconnect' | 'Complete'): void;
}

/** A stream of configuration that is kept up. */
export class Subscription implements AsyncDisposable {
  /** Resolves once every kind of which all is wanted has had a first response without a rejected resource. */
  readonly ready: Promise<void>;
  readonly #options: SubscriptionOptions;
  readonly #end = new AbortController();
  readonly #unready: Set<string>;
  #becomeReady: () => void = () => undefined;
  #configVersion = '';
  #connected = false;
  #running: Promise<void> | undefined;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#unready = new Set(
      options.kinds.filter(({ demand }) => demand === undefined).map(({ typeUrl }) => typeUrl),
    );
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
  }

  /** Connects, and reconnects until disposed. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** The controller's hash of the configuration last applied; empty before the first. */
  get configVersion(): string {
    return this.#configVersion;
  }

  /** Whether a stream is up that has answered. */
  get connected(): boolean {
    return this.#connected;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error('the subscription was closed'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log, address, observer } = this.#options;
    const backoff = new Backoff(reconnectShape, clock);
    const { signal } = this.#end;
    while (!signal.aborted) {
      const end = await this.#stream();
      this.#connected = false;
      if (signal.aborted) return;
      observer?.onStreamEnd(isBenign(end) ? 'Reconnect' : 'ConnectionError');
      if (isBenign(end)) backoff.reset();
      const error = new AmbitError('AMB1510', `stream to ${address} ended`, { cause: end });
      const fields = { code: error.code, error: causeChain(error) };
      if (isBenign(end)) log.info(fields, 'configuration stream ended, connecting again');
      else log.warn(fields, 'configuration stream failed, connecting again');
      await backoff.wait(signal).catch(() => undefined);
    }
  }

  /** One stream from start to end; answers why it ended. */
  async #stream(): Promise<Error> {
    try {
      const { client, metadata } = await openController(this.#options);
      const { path } = aggregatedDiscoveryService.DeltaAggregatedResources;
      const stream: Stream = client.makeBidiStreamRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        metadata,
      );
      const cancel = (): void => stream.cancel();
      this.#end.signal.addEventListener('abort', cancel, { once: true });
      try {
        const ended = endOf(stream);
        for (const kind of this.#options.kinds) {
          kind.begin();
          await this.#subscribe(stream, kind);
        }
        // Ends before the stream's end is answered: the next stream tells what is in force by then.
        const reading = this.#read(stream);
        const end = await Promise.race([ended, failureOf(reading)]);
        stream.cancel();
        await reading.catch(() => undefined);
        return end;
      } finally {
        this.#end.signal.removeEventListener('abort', cancel);
        for (const { demand } of this.#options.kinds) demand?.disconnect();
        client.close();
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Makes the first request of a type. */
  async #subscribe(stream: Stream, { typeUrl, versions, demand }: SubscribedKind): Promise<void> {
    const { node, clock } = this.#options;
    const names = demand === undefined ? [] : [everyResource];
    const request = {
      ...plainRequest,
      node: { id: node.id, metadata: { ...node.metadata, [partsMetadata]: 'true' } },
      typeUrl,
      subscribe: names,
      unsubscribe: names,
    };
    const held = demand === undefined ? versions : heldByName(versions, demand);
    const turns = turnsOf(clock, this.#end.signal);
    const heldBytes = await inTurns(writeInitialVersions(held), turns);
    stream.write(Buffer.concat([encodeDeltaRequest(request), heldBytes]));
    demand?.connect((change) => {
      stream.write(encodeDeltaRequest({ ...plainRequest, typeUrl, ...change }));
    }, held);
  }

  /** Takes responses one after the other, until the stream ends. */
  async #read(stream: Stream): Promise<void> {
    try {
      for await (const bytes of stream as AsyncIterable<Buffer>) {
        await this.#receive(stream, bytes);
      }
    } catch (error) {
      // How the stream itself ends is told by its status.
      if (!stream.errored) throw error;
    }
  }

  async #receive(stream: Stream, bytes: Buffer): Promise<void> {
    const { kinds, log, observer, clock } = this.#options;
    const turns = turnsOf(clock, this.#end.signal);
    const response = await inTurns(scanDeltaResponse(bytes), turns);
    const { typeUrl, count, removed, nonce } = response;
    this.#connected = true;
    observer?.onMessage(typeUrl, response.size);
    const kind = kinds.find((one) => one.typeUrl === typeUrl);
    if (kind === undefined) log.warn({ typeUrl }, 'resources of an unknown type were ignored');
    const rejected = (await kind?.receive(response, turns)) ?? [];
    for (const { name, problem } of rejected) {
      const error = new AmbitError('AMB1511', problem, { object: name });
      log.error({ code: error.code, typeUrl, error: error.message }, 'resource rejected');
    }
    stream.write(encodeDeltaRequest(answerTo(response, rejected)));
    log.debug({ typeUrl, updated: count, removed: removed.length, nonce }, 'configuration');
    if (nonce.startsWith(partNoncePrefix)) return;
    this.#configVersion = response.systemVersion || this.#configVersion;
    if (rejected.length === 0 && this.#unready.delete(typeUrl) && this.#unready.size === 0) {
      this.#becomeReady();
    }
  }
}

const plainRequest = { initialVersions: new Map<string, string>(), responseNonce: '' };

/** What is held, and without a version what is waited for or is known not to be there. */
function heldByName(versions: ReadonlyMap<string, string>, demand: Demand) {
  const held = new Map(versions);
  for (const name of demand.names()) if (!held.has(name)) held.set(name, '');
  return held;
}

/** Accepts a response, or refuses parts of it by name. */
function answerTo(
  { typeUrl, nonce }: ScannedResponse,
  rejected: readonly RejectedResource[],
): DeltaRequest {
  return {
    typeUrl,
    subscribe: [],
    unsubscribe: [],
    initialVersions: new Map(),
    responseNonce: nonce,
    ...(rejected.length > 0 && {
      error: rejected.map(({ name, problem }) => `${name}: ${problem}`).join('; '),
    }),
  };
}

/** Resolves with why something failed; never when it does not. */
function failureOf(running: Promise<void>): Promise<Error> {
  return new Promise((resolve) => {
    running.catch((error: unknown) => {
      resolve(error instanceof Error ? error : new Error(String(error)));
    });
  });
}
