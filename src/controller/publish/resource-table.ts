// The resources of one type, by name, as an immutable table that shares what did not change with the one
// before it. What proxies lack is found by comparing two tables, once for all proxies.

import { createHash } from 'node:crypto';
import type { DiscoveryResource } from '../../wire/xds.ts';

/** A resource with what on-demand proxies need to find it and what they need beside it. */
export interface PublishedResource extends DiscoveryResource {
  /** The services that a workload is an endpoint of. */
  readonly memberOf?: readonly string[];
  /** The node that a workload runs on. */
  readonly onNode?: string;
  /** Names of the waypoints that its traffic goes to: `NAMESPACE/HOSTNAME` or `NETWORK/IP`. */
  readonly leadsTo?: readonly string[];
}

/** What makes one table into another. */
export interface TableChanges {
  readonly updated: readonly PublishedResource[];
  readonly removed: readonly string[];
}

const bucketCount = 256;
/** Resources between two yields. */
const perStep = 64;

interface Bucket {
  readonly resources: ReadonlyMap<string, PublishedResource>;
  readonly hash: string;
  /** By alias, and by service for its endpoints; made when first asked for. */
  found?: ReadonlyMap<string, readonly PublishedResource[]>;
}

const emptyBucket: Bucket = { resources: new Map(), hash: '' };

/** What the workloads of a node are found by; no resource has such a name. */
export function nodeKey(node: string): string {
  return `node:${node}`;
}

/** Immutable; equal contents have equal hashes. */
export class ResourceTable {
  static readonly empty = new ResourceTable(Array.from({ length: bucketCount }, () => emptyBucket));
  readonly size: number;
  /** 16 hexadecimal digits. */
  readonly hash: string;
  readonly #buckets: readonly Bucket[];
  readonly #changes = new WeakMap<ResourceTable, TableChanges>();

  private constructor(buckets: readonly Bucket[]) {
    this.#buckets = buckets;
    let size = 0;
    const hash = createHash('sha256');
    for (const bucket of buckets) {
      size += bucket.resources.size;
      hash.update(`${bucket.hash},`);
    }
    this.size = size;
    this.hash = hash.digest('hex').slice(0, 16);
  }

  /** Makes a table, sharing with an older one what is the same. */
  static *of(
    resources: Iterable<PublishedResource>,
    older = ResourceTable.empty,
  ): Generator<void, ResourceTable> {
    const parts = Array.from({ length: bucketCount }, () => new Map<string, PublishedResource>());
    let count = 0;
    for (const resource of resources) {
      parts[bucketOf(resource.name)]?.set(resource.name, resource);
      if (++count % perStep === 0) yield;
    }
    const buckets: Bucket[] = [];
    for (const [index, part] of parts.entries()) {
      const before = older.#buckets[index] ?? emptyBucket;
      buckets.push(isSame(before, part) ? before : bucketFrom(part));
      yield;
    }
    return new ResourceTable(buckets);
  }

  get(name: string): PublishedResource | undefined {
    return this.#buckets[bucketOf(name)]?.resources.get(name);
  }

  *values(): Generator<PublishedResource> {
    for (const { resources } of this.#buckets) yield* resources.values();
  }

  /** This table with some resources replaced, added or removed. */
  with(updated: Iterable<PublishedResource>, removed: Iterable<string>): ResourceTable {
    const parts = new Map<number, Map<string, PublishedResource>>();
    const partOf = (name: string): Map<string, PublishedResource> => {
      const index = bucketOf(name);
      const part = parts.get(index) ?? new Map(this.#buckets[index]?.resources);
      parts.set(index, part);
      return part;
    };
    for (const name of removed) partOf(name).delete(name);
    for (const resource of updated) partOf(resource.name).set(resource.name, resource);
    const buckets = [...this.#buckets];
    for (const [index, part] of parts) {
      const before = buckets[index] ?? emptyBucket;
      if (!isSame(before, part)) buckets[index] = bucketFrom(part);
    }
    return new ResourceTable(buckets);
  }

  /** What an older table lacks; found once for all who ask. */
  changesSince(older: ResourceTable): TableChanges {
    const known = this.#changes.get(older);
    if (known !== undefined) return known;
    const updated: PublishedResource[] = [];
    const removed: string[] = [];
    for (const [index, bucket] of this.#buckets.entries()) {
      const before = older.#buckets[index] ?? emptyBucket;
      if (bucket === before) continue;
      for (const resource of bucket.resources.values()) {
        const { version } = before.resources.get(resource.name) ?? {};
        if (version !== resource.version) updated.push(resource);
      }
      for (const name of before.resources.keys())
        if (!bucket.resources.has(name)) removed.push(name);
    }
    const changes = { updated, removed };
    this.#changes.set(older, changes);
    return changes;
  }

  /** The resources of a name, an alias, or with this service; of a node by `nodeKey`. */
  *find(key: string): Generator<PublishedResource> {
    const own = this.get(key);
    if (own !== undefined) yield own;
    for (const bucket of this.#buckets) {
      if (bucket === emptyBucket) continue;
      bucket.found ??= findable(bucket.resources.values());
      yield* bucket.found.get(key) ?? [];
    }
  }
}

/** FNV-1a, folded. */
function bucketOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (bucketCount - 1);
}

function bucketFrom(resources: ReadonlyMap<string, PublishedResource>): Bucket {
  if (resources.size === 0) return emptyBucket;
  const lines = [...resources.values()].map(({ name, version }) => `${name} ${version}`);
  const hash = createHash('sha256').update(lines.sort().join('\n')).digest('base64');
  return { resources, hash };
}

function isSame(bucket: Bucket, part: ReadonlyMap<string, PublishedResource>): boolean {
  if (bucket.resources.size !== part.size) return false;
  for (const { name, version } of part.values()) {
    if (bucket.resources.get(name)?.version !== version) return false;
  }
  return true;
}

function findable(resources: Iterable<PublishedResource>) {
  const found = new Map<string, PublishedResource[]>();
  for (const resource of resources) {
    const { aliases, memberOf = [], onNode } = resource;
    for (const key of [...aliases, ...memberOf, ...(onNode ? [nodeKey(onNode)] : [])]) {
      const list = found.get(key);
      if (list === undefined) found.set(key, [resource]);
      else list.push(resource);
    }
  }
  return found;
}
