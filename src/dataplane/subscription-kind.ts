// One type of resource on the discovery stream: decoding each resource by itself, and remembering
// which versions are held.

import type { Turns } from '../runtime/turns.ts';
import type { Result } from '../wire/result.ts';
import type { ScannedResponse } from '../wire/scan-discovery.ts';
import { partNoncePrefix } from '../wire/xds.ts';
import type { Demand } from './subscription-demand.ts';

/** What changes at once. A name in both parts is replaced. */
export interface ResourceBatch<T> {
  readonly updated: ReadonlyMap<string, T>;
  readonly removed: readonly string[];
}

/** How resources of one type are read and applied. */
export interface ResourceKind<T> {
  readonly typeUrl: string;
  decode(name: string, bytes: Uint8Array): Result<T>;
  /** Takes everything valid of one response. May take several turns, but then shows nothing of it
   * before the end. */
  apply(batch: ResourceBatch<T>, turns: Turns): void | Promise<void>;
  /** Absent where all resources of the type are wanted. */
  readonly demand?: Demand;
}

/** A resource that could not be used. */
export interface RejectedResource {
  readonly name: string;
  readonly problem: string;
}

/** A type as the subscription sees it. */
export interface SubscribedKind {
  readonly typeUrl: string;
  /** Version by name of everything held. A held resource whose newer version was rejected has an
   * empty version, so that the controller sends it again and still tells its removal. */
  readonly versions: ReadonlyMap<string, string>;
  readonly demand?: Demand;
  /** To be called before the first response of a stream: parts of an earlier one are forgotten. */
  begin(): void;
  /** Applies what is valid of a response and answers the rest; of a response in parts, all of it with
   * the last part. One at a time. */
  receive(response: ScannedResponse, turns: Turns): Promise<readonly RejectedResource[]>;
}

/** Subscribes to a type. A bad resource costs only itself: its last valid version stays. */
export function subscribedKind<T>(kind: ResourceKind<T>): SubscribedKind {
  const versions = new Map<string, string>();
  let staged = new Staged<T>();
  return {
    typeUrl: kind.typeUrl,
    versions,
    ...(kind.demand && { demand: kind.demand }),
    begin() {
      staged = new Staged();
    },
    async receive(response, turns) {
      const { updated, received, rejected, names } = staged;
      for (let index = 0; index < response.count; index++) {
        const { name, version, aliases, bytes } = response.resource(index);
        if (kind.demand !== undefined) names.push(name, ...aliases);
        const decoded = kind.decode(name, bytes);
        if (decoded.kind === 'ok') {
          updated.set(name, decoded.value);
          received.set(name, version);
        } else {
          rejected.push({ name, problem: decoded.problem });
        }
        if (turns.isOver) await turns.next();
      }
      if (response.nonce.startsWith(partNoncePrefix)) return [];
      staged = new Staged();
      const removed = response.removed.filter((name) => !updated.has(name));
      await kind.apply({ updated, removed }, turns);
      // Only now: a stream that is opened anew says what is in force.
      for (const name of removed) versions.delete(name);
      for (const [name, version] of received) versions.set(name, version);
      for (const { name } of rejected) if (versions.has(name)) versions.set(name, '');
      kind.demand?.answered([...names, ...response.removed]);
      return rejected;
    },
  };
}

/** What has come of a response, until all of it has. */
class Staged<T> {
  readonly updated = new Map<string, T>();
  readonly received = new Map<string, string>();
  readonly rejected: RejectedResource[] = [];
  /** Names and aliases of everything, the rejected included. */
  readonly names: string[] = [];
}
