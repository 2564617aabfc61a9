// A snapshot in the form that goes over the wire: bytes with versions, and one hash over all of it.

import { createHash } from 'node:crypto';
import type { Credential } from '../../mesh/credential.ts';
import type { GatewayAddress } from '../../mesh/workload.ts';
import { atOnce } from '../../runtime/turns.ts';
import {
  aliasesOfAddress,
  encodeAddress,
  type MeshAddress,
  nameOfAddress,
} from '../../wire/address.ts';
import { encodeAuthorization } from '../../wire/authorization.ts';
import {
  encodeCredential,
  encodeServiceConfig,
  encodeWorkloadLabels,
} from '../../wire/waypoint-config.ts';
import type { Snapshot } from '../translate/snapshot.ts';
import { type PublishedResource, ResourceTable } from './resource-table.ts';

/** A snapshot ready to be sent. Immutable; equal contents have equal hashes. */
export interface PublishedSnapshot {
  /** 16 hexadecimal digits. */
  readonly hash: string;
  readonly addresses: ResourceTable;
  readonly authorizations: ResourceTable;
  readonly workloadLabels: ResourceTable;
  /** Per waypoint, `NAMESPACE/NAME`. */
  readonly serviceConfigs: ReadonlyMap<string, ResourceTable>;
  /** Per waypoint; of no part in the hash, nor in anything that is shown. */
  readonly credentials?: ReadonlyMap<string, ResourceTable>;
}

/** What could not be encoded, with the resource's name. */
export interface EncodingProblem {
  readonly name: string;
  readonly error: unknown;
}

/** A snapshot with what had to be left out. */
export interface Publication {
  readonly published: PublishedSnapshot;
  readonly problems: readonly EncodingProblem[];
}

/** Bytes of values that have been encoded before; values are immutable. */
export type EncodingMemory = WeakMap<object, PublishedResource>;

/** A snapshot of nothing, before the first translation. */
export const emptySnapshot: PublishedSnapshot = {
  hash: '0'.repeat(16),
  addresses: ResourceTable.empty,
  authorizations: ResourceTable.empty,
  workloadLabels: ResourceTable.empty,
  serviceConfigs: new Map(),
};

/** Encodes a snapshot. A resource that cannot be encoded is left out and named. */
export function publishable(
  snapshot: Snapshot,
  memory: EncodingMemory = new WeakMap(),
): Publication {
  return atOnce(publishing(snapshot, memory, emptySnapshot));
}

/** The same, held after every few resources; shares with an older snapshot what is the same. */
export function* publishing(
  snapshot: Snapshot,
  memory: EncodingMemory,
  older: PublishedSnapshot,
): Generator<void, Publication> {
  const encoder = new Encoder(memory);
  const addresses = yield* ResourceTable.of(encoder.addresses(snapshot), older.addresses);
  const authorizations = yield* ResourceTable.of(
    encoder.all(snapshot.authorizations, encodeAuthorization),
    older.authorizations,
  );
  const workloadLabels = yield* ResourceTable.of(encoder.labels(snapshot), older.workloadLabels);
  const serviceConfigs = new Map<string, ResourceTable>();
  for (const [waypoint, configs] of snapshot.serviceConfigs) {
    const resources = encoder.all(configs, encodeServiceConfig);
    const before = older.serviceConfigs.get(waypoint);
    serviceConfigs.set(waypoint, yield* ResourceTable.of(resources, before));
  }
  const parts = { addresses, authorizations, workloadLabels, serviceConfigs };
  return { published: { hash: hashOf(parts), ...parts }, problems: encoder.problems };
}

/** Takes the change of a few workloads into a published snapshot. */
export function publishWorkloads(
  older: PublishedSnapshot,
  changed: Pick<Snapshot, 'workloads' | 'workloadLabels'>,
  removed: readonly string[],
  memory: EncodingMemory,
): Publication {
  const encoder = new Encoder(memory);
  const { workloads, workloadLabels } = changed;
  const updated = [...encoder.addresses({ workloads, services: new Map() })];
  const parts = {
    ...older,
    addresses: older.addresses.with(updated, removed),
    workloadLabels: older.workloadLabels.with([...encoder.labels({ workloadLabels })], removed),
  };
  return { published: { ...parts, hash: hashOf(parts) }, problems: encoder.problems };
}

/** The credentials of each waypoint as resources. */
export function publishCredentials(
  credentials: ReadonlyMap<string, readonly Credential[]>,
  older: ReadonlyMap<string, ResourceTable> = new Map(),
): ReadonlyMap<string, ResourceTable> {
  const tables = new Map<string, ResourceTable>();
  for (const [waypoint, own] of credentials) {
    const resources = own.map((one) => encoded(one.name, encodeCredential(one)));
    tables.set(waypoint, atOnce(ResourceTable.of(resources, older.get(waypoint))));
  }
  return tables;
}

/** Encodes what has not been encoded before. */
class Encoder {
  readonly problems: EncodingProblem[] = [];
  readonly #memory: EncodingMemory;

  constructor(memory: EncodingMemory) {
    this.#memory = memory;
  }

  *addresses(snapshot: Pick<Snapshot, 'workloads' | 'services'>): Generator<PublishedResource> {
    for (const service of snapshot.services.values()) {
      yield* this.#address({ kind: 'service', service }, service);
    }
    for (const workload of snapshot.workloads.values()) {
      yield* this.#address({ kind: 'workload', workload }, workload);
    }
  }

  *#address(address: MeshAddress, key: object): Generator<PublishedResource> {
    const name = nameOfAddress(address);
    yield* this.#one(name, key, () => ({
      ...encoded(name, encodeAddress(address), aliasesOfAddress(address)),
      leadsTo: waypointsOf(address),
      ...(address.kind === 'workload' && {
        memberOf: [...address.workload.services.keys()],
        onNode: address.workload.node,
      }),
    }));
  }

  *labels({ workloadLabels }: Pick<Snapshot, 'workloadLabels'>): Generator<PublishedResource> {
    for (const [uid, labels] of workloadLabels) {
      yield* this.#one(uid, labels, () => encoded(uid, encodeWorkloadLabels({ uid, labels })));
    }
  }

  *all<T extends object>(
    entries: Iterable<readonly [string, T]>,
    encode: (value: T) => Uint8Array,
  ): Generator<PublishedResource> {
    for (const [name, value] of entries) {
      yield* this.#one(name, value, () => encoded(name, encode(value)));
    }
  }

  *#one(name: string, key: object, make: () => PublishedResource): Generator<PublishedResource> {
    const known = this.#memory.get(key);
    // The same labels may be those of several workloads.
    if (known?.name === name) {
      yield known;
      return;
    }
    try {
      const resource = make();
      this.#memory.set(key, resource);
      yield resource;
    } catch (error) {
      this.problems.push({ name, error });
    }
  }
}

function encoded(
  name: string,
  bytes: Uint8Array,
  aliases: readonly string[] = [],
): PublishedResource {
  return { name, version: digest(bytes), aliases, bytes };
}

function waypointsOf(address: MeshAddress): readonly string[] {
  const { waypoint } = address.kind === 'workload' ? address.workload : address.service;
  const weighted = address.kind === 'workload' ? [] : address.service.weightedWaypoints;
  return [
    ...(waypoint === undefined ? [] : [waypoint]),
    ...weighted.map((one) => one.waypoint),
  ].map(nameOfGateway);
}

function nameOfGateway({ destination }: GatewayAddress): string {
  return destination.kind === 'hostname'
    ? `${destination.namespace}/${destination.hostname}`
    : `${destination.network}/${destination.address}`;
}

function digest(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

function hashOf(parts: Omit<PublishedSnapshot, 'hash'>): string {
  const configs = [...parts.serviceConfigs].map(([waypoint, { hash }]) => `${waypoint} ${hash}`);
  const { addresses, authorizations, workloadLabels } = parts;
  const lines = [addresses.hash, authorizations.hash, workloadLabels.hash, ...configs.sort()];
  return digest(lines.join('\n'));
}
