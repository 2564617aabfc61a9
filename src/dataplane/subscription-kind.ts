// One type of resource on the discovery stream: decoding each resource by itself, and remembering
// which versions are held.

import type { Result } from '../wire/result.ts';
import type { DeltaResponse } from '../wire/xds.ts';

/** What changes at once. */
export interface ResourceBatch<T> {
  readonly updated: ReadonlyMap<string, T>;
  readonly removed: readonly string[];
}

/** How resources of one type are read and applied. */
export interface ResourceKind<T> {
  readonly typeUrl: string;
  decode(name: string, bytes: Uint8Array): Result<T>;
  /** Takes everything valid of one response. */
  apply(batch: ResourceBatch<T>): void;
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
  /** Applies what is valid of a response and answers the rest. */
  receive(response: DeltaResponse): readonly RejectedResource[];
}

/** Subscribes to a type. A bad resource costs only itself: its last valid version stays. */
export function subscribedKind<T>(kind: ResourceKind<T>): SubscribedKind {
  const versions = new Map<string, string>();
  return {
    typeUrl: kind.typeUrl,
    versions,
    receive(response) {
      const updated = new Map<string, T>();
      const rejected: RejectedResource[] = [];
      for (const { name, version, bytes } of response.resources) {
        const decoded = kind.decode(name, bytes);
        if (decoded.kind === 'ok') {
          updated.set(name, decoded.value);
          versions.set(name, version);
        } else {
          rejected.push({ name, problem: decoded.problem });
          if (versions.has(name)) versions.set(name, '');
        }
      }
      for (const name of response.removed) versions.delete(name);
      kind.apply({ updated, removed: response.removed });
      return rejected;
    },
  };
}
