// The ConfigMaps that Gateways name for the overrides of their waypoints, each watched by its name.

import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/log.ts';
import { type CredentialReference, notReadYet } from './credentials.ts';
import type { KubernetesObject } from './kinds/object.ts';
import type { ApiClient } from './kubernetes/api-client.ts';
import { CredentialWatcher } from './kubernetes/watch-credentials.ts';
import type { ObjectSource } from './objects.ts';
import { collectWaypoints } from './translate/waypoints.ts';
import { parametersName } from './waypoint-overrides.ts';

/** Follows them. */
export class WaypointParameters implements AsyncDisposable {
  readonly #watcher: CredentialWatcher;
  #references: readonly CredentialReference[] = [];

  constructor(client: ApiClient, clock: Clock, log: Logger, onChange: () => void) {
    this.#watcher = new CredentialWatcher(client, clock, log, onChange);
  }

  /** Watches what the Gateways of waypoints name now. */
  update(objects: ObjectSource): void {
    const references = [...collectWaypoints(objects).values()].flatMap(({ gateway, namespace }) => {
      const name = parametersName(gateway);
      return name === undefined ? [] : [referenceTo(namespace, name)];
    });
    this.#references = references;
    this.#watcher.follow(references);
  }

  /** Whether one of them has not been read yet. */
  get isPending(): boolean {
    return this.#references.some((one) => this.#watcher.get(one) === notReadYet);
  }

  readonly get = (namespace: string, name: string): KubernetesObject | string | undefined =>
    this.#watcher.get(referenceTo(namespace, name));

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
  }
}

function referenceTo(namespace: string, name: string): CredentialReference {
  return { kind: 'ConfigMap', namespace, name };
}
