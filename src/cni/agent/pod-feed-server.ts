// Tells the ztunnels of this node which pods they serve (ZDS, protocol section 2.6). There may be
// several while one is being replaced: each gets its own snapshot, pods that join go to the newest,
// pods that leave to all.

import { closeDescriptor, duplicateDescriptor } from '../../linux/descriptors.ts';
import type { NetworkNamespace } from '../../linux/network-namespace.ts';
import { SeqpacketServer, type SeqpacketSocket } from '../../linux/seqpacket.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AmbitError, causeChain } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import { FeedConnection, type FeedItem } from './pod-feed-connection.ts';

/** A pod that ztunnel serves. */
export interface FedPod {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** A pod with its network namespace; without one, ztunnel is told to keep what it has. */
export interface FeedEntry {
  readonly pod: FedPod;
  readonly netns: NetworkNamespace | undefined;
}

export interface PodFeedOptions {
  /** Where ztunnel connects. A stale file there is replaced. */
  readonly path: string;
  /** All pods of the mesh on this node. */
  readonly snapshot: () => readonly FeedEntry[];
  /** Hears the number of connected ztunnels when it changes. */
  readonly onConnections: (count: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Connections are taken at most five times a second. */
export const acceptIntervalMs = 200;
/** More ztunnels at once than this is a mistake: the oldest is dropped. */
const maxConnections = 8;

/** A listening server. */
export class PodFeedServer implements AsyncDisposable {
  readonly #options: PodFeedOptions;
  readonly #server: SeqpacketServer;
  readonly #closing = new AbortController();
  /** All, and those that have said hello, oldest first. */
  readonly #connections = new Set<FeedConnection>();
  readonly #open: FeedConnection[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #accepting: Promise<void>;

  /** Listens at once. @throws LinuxError when the socket cannot be made */
  constructor(options: PodFeedOptions) {
    this.#options = options;
    this.#server = SeqpacketServer.listen(options.path);
    this.#accepting = this.#accept();
  }

  /** Hands a pod to the newest ztunnel, and waits for one until `signal` fires.
   * @throws AmbitError AMB1306 if there is none, AMB1307 if it does not take the pod */
  async add(pod: FedPod, netns: NetworkNamespace, signal: AbortSignal): Promise<void> {
    const connection = await this.#newest(signal);
    await connection.update(addOf(pod, netns), signal);
  }

  /** Tells all ztunnels that a pod has left. One that cannot be told gets a new snapshot when it
   * comes back, so failures are only logged. */
  async remove(uid: string): Promise<void> {
    const tell = async (connection: FeedConnection): Promise<void> => {
      try {
        await connection.update({ request: { kind: 'del', uid } });
      } catch (error) {
        this.#options.log.warn(
          { error: causeChain(error), uid },
          'ztunnel was not told that a pod left',
        );
      }
    };
    await Promise.all(this.#open.map(tell));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#server.close();
    for (const connection of this.#connections) connection.close();
    await this.#accepting;
    await Promise.all([...this.#connections].map(async ({ done }) => await done));
  }

  async #newest(signal: AbortSignal): Promise<FeedConnection> {
    for (;;) {
      const newest = this.#open.at(-1);
      if (newest !== undefined) return newest;
      if (signal.aborted) {
        throw new AmbitError('AMB1306', 'no ztunnel is connected to the node agent');
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  async #accept(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        const socket = await this.#server.accept();
        if (socket === undefined) return;
        this.#connect(socket);
      } catch (error) {
        log.error({ error: causeChain(error) }, 'a ztunnel could not connect');
      }
      await clock.wait(acceptIntervalMs, signal).catch(() => undefined);
    }
  }

  #connect(socket: SeqpacketSocket): void {
    const { clock, log, snapshot } = this.#options;
    const connection: FeedConnection = new FeedConnection({
      socket,
      snapshot: () => snapshot().map(snapshotItem),
      onOpen: () => {
        this.#open.push(connection);
        this.#changed('connected');
        for (const wake of this.#waiting) wake();
      },
      closeDescriptor,
      clock,
      log,
    });
    this.#connections.add(connection);
    void this.#forgetWhenDone(connection);
    const [oldest] = this.#connections;
    if (this.#connections.size > maxConnections) oldest?.close();
  }

  async #forgetWhenDone(connection: FeedConnection): Promise<void> {
    await connection.done;
    this.#connections.delete(connection);
    const index = this.#open.indexOf(connection);
    if (index === -1) return;
    this.#open.splice(index, 1);
    this.#changed('disconnected');
  }

  #changed(event: string): void {
    const count = this.#open.length;
    this.#options.log.info({ connected: count }, `ztunnel ${event}`);
    this.#options.onConnections(count);
  }
}

function snapshotItem({ pod, netns }: FeedEntry): FeedItem {
  return netns === undefined ? { request: { kind: 'keep', uid: pod.uid } } : addOf(pod, netns);
}

/** The descriptor is a copy, because the pod may leave and its own be closed while this waits. */
function addOf(pod: FedPod, netns: NetworkNamespace): FeedItem {
  const { uid, name, namespace, serviceAccount } = pod;
  const request = { kind: 'add', uid, name, namespace, serviceAccount } as const;
  return { request, descriptor: duplicateDescriptor(netns.fd) };
}
