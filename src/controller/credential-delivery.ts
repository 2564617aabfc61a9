// Brings waypoints what their rules name: follows the objects, sends what is in them, tells authors.

import type { Credential } from '../mesh/credential.ts';
import type { ServiceConfig } from '../mesh/route.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import {
  type CredentialUse,
  credentialFindings,
  credentialOf,
  credentialUses,
} from './credentials.ts';
import type { DestinationRule } from './kinds/networking.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { CredentialWatcher } from './kubernetes/watch-credentials.ts';
import type { Finding } from './translate/finding.ts';

export interface CredentialDeliveryParts {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes all credentials of every waypoint. */
  readonly publish: (credentials: ReadonlyMap<string, readonly Credential[]>) => void;
  /** Told when findings may have changed. */
  readonly onChange: () => void;
}

/** Owns the watches. */
export class CredentialDelivery implements AsyncDisposable {
  readonly #parts: CredentialDeliveryParts;
  readonly #watcher: CredentialWatcher;
  #uses: readonly CredentialUse[] = [];

  constructor(parts: CredentialDeliveryParts) {
    const { client, clock, log } = parts;
    this.#parts = parts;
    this.#watcher = new CredentialWatcher(client, clock, log, () => {
      this.#deliver();
      parts.onChange();
    });
  }

  /** Takes what waypoints are told, which may name other credentials than before. */
  update(configs: ReadonlyMap<string, ReadonlyMap<string, ServiceConfig>>): void {
    this.#uses = credentialUses(configs);
    this.#watcher.follow(this.#uses.map(({ reference }) => reference));
    this.#deliver();
  }

  findings(rules: readonly DestinationRule[]): Finding[] {
    return credentialFindings(this.#uses, this.#watcher.get, rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
  }

  #deliver(): void {
    const byWaypoint = Map.groupBy(this.#uses, ({ waypoint }) => waypoint);
    const resolved = [...byWaypoint].map(([waypoint, own]) => {
      return [waypoint, own.map((use) => credentialOf(use, this.#watcher.get))] as const;
    });
    this.#parts.publish(new Map(resolved));
  }
}
