// A snapshot in the form that goes over the wire: bytes with versions, and one hash over all of it.

import { createHash } from 'node:crypto';
import {
  aliasesOfAddress,
  encodeAddress,
  type MeshAddress,
  nameOfAddress,
} from '../../wire/address.ts';
import { encodeAuthorization } from '../../wire/authorization.ts';
import { encodeServiceConfig, encodeWorkloadLabels } from '../../wire/waypoint-config.ts';
import type { DiscoveryResource } from '../../wire/xds.ts';
import type { Snapshot } from '../translate/snapshot.ts';

/** Resources of one type, by name. */
export type ResourceTable = ReadonlyMap<string, DiscoveryResource>;

/** A snapshot ready to be sent. Immutable; equal contents have equal hashes. */
export interface PublishedSnapshot {
  /** 16 hexadecimal digits. */
  readonly hash: string;
  readonly addresses: ResourceTable;
  readonly authorizations: ResourceTable;
  readonly workloadLabels: ResourceTable;
  /** Per waypoint, `NAMESPACE/NAME`. */
  readonly serviceConfigs: ReadonlyMap<string, ResourceTable>;
}

/** What could not be encoded, with the resource's name. */
export interface EncodingProblem {
  readonly name: string;
  readonly error: unknown;
}

/** Bytes of values that have been encoded before; values are immutable. */
export type EncodingMemory = WeakMap<object, DiscoveryResource>;

/** Encodes a snapshot. A resource that cannot be encoded is left out and named. */
export function publishable(
  snapshot: Snapshot,
  memory: EncodingMemory = new WeakMap(),
): {
  readonly published: PublishedSnapshot;
  readonly problems: readonly EncodingProblem[];
} {
  const problems: EncodingProblem[] = [];
  const table = <T>(
    entries: Iterable<readonly [string, T]>,
    encode: (value: T) => Uint8Array,
    aliases: (value: T) => readonly string[] = () => [],
    identity: (value: T) => object = () => ({}),
  ): ResourceTable => {
    const resources = new Map<string, DiscoveryResource>();
    for (const [name, value] of entries) {
      try {
        let resource = memory.get(identity(value));
        if (resource === undefined) {
          const bytes = encode(value);
          resource = { name, version: digest(bytes), aliases: aliases(value), bytes };
          memory.set(identity(value), resource);
        }
        resources.set(name, resource);
      } catch (error) {
        problems.push({ name, error });
      }
    }
    return resources;
  };
  const addresses: MeshAddress[] = [
    ...[...snapshot.services.values()].map((service) => ({ kind: 'service', service }) as const),
    ...[...snapshot.workloads.values()].map(
      (workload) => ({ kind: 'workload', workload }) as const,
    ),
  ];
  const parts = {
    addresses: table(
      addresses.map((address) => [nameOfAddress(address), address] as const),
      encodeAddress,
      aliasesOfAddress,
      (address) => (address.kind === 'workload' ? address.workload : address.service),
    ),
    authorizations: table(snapshot.authorizations, encodeAuthorization),
    workloadLabels: table(
      [...snapshot.workloadLabels].map(([uid, labels]) => [uid, { uid, labels }] as const),
      encodeWorkloadLabels,
      () => [],
      ({ labels }) => labels,
    ),
    serviceConfigs: new Map(
      [...snapshot.serviceConfigs].map(
        ([waypoint, configs]) => [waypoint, table(configs, encodeServiceConfig)] as const,
      ),
    ),
  };
  return { published: { hash: hashOf(parts), ...parts }, problems };
}

/** A snapshot of nothing, before the first translation. */
export const emptySnapshot: PublishedSnapshot = {
  hash: '0'.repeat(16),
  addresses: new Map(),
  authorizations: new Map(),
  workloadLabels: new Map(),
  serviceConfigs: new Map(),
};

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

function hashOf(parts: Omit<PublishedSnapshot, 'hash'>): string {
  const lines: string[] = [];
  const add = (label: string, table: ResourceTable): void => {
    for (const { name, version } of table.values()) lines.push(`${label} ${name} ${version}`);
  };
  add('address', parts.addresses);
  add('authorization', parts.authorizations);
  add('labels', parts.workloadLabels);
  for (const [waypoint, table] of parts.serviceConfigs) add(`config ${waypoint}`, table);
  return digest(Buffer.from(lines.sort().join('\n')));
}
