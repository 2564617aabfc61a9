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

/** A resource, and for a workload the names of the policies that it refers to. */
export interface PublishedResource extends DiscoveryResource {
  readonly policies?: readonly string[];
}

/** Resources of one type, by name. */
export type ResourceTable = ReadonlyMap<string, PublishedResource>;

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
export type EncodingMemory = WeakMap<object, PublishedResource>;

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
    policies: (value: T) => readonly string[] = () => [],
  ): ResourceTable => {
    const resources = new Map<string, PublishedResource>();
    for (const [name, value] of entries) {
      try {
        let resource = memory.get(identity(value));
        if (resource === undefined) {
          const bytes = encode(value);
          const version = digest(bytes);
          resource = { name, version, aliases: aliases(value), bytes, policies: policies(value) };
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
      (address) => (address.kind === 'workload' ? address.workload.authorizationPolicies : []),
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

/** What a proxy lacks that holds these versions by name: resources to send, names to remove. Names
 * that it asked for are answered whether they have changed or not. */
export function changesIn(
  current: ResourceTable,
  held: ReadonlyMap<string, string>,
  asked: ReadonlySet<string>,
): { readonly resources: readonly PublishedResource[]; readonly removed: readonly string[] } {
  const resources = [...current.values()].filter(
    ({ name, version }) => held.get(name) !== version || asked.has(name),
  );
  const removed = [...new Set([...held.keys(), ...asked])].filter((name) => !current.has(name));
  return { resources, removed };
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
