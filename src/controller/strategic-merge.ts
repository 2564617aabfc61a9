// Strategic merge patches of Kubernetes' own kinds, as overrides of waypoints are written: maps are merged,
// null removes, and some lists are merged by a key of their items instead of being replaced. Pure.

type JsonRecord = Readonly<Record<string, unknown>>;

/** The lists of pod templates, Services and ServiceAccounts that are merged, and by which key of their
 * items (`patchMergeKey` of Kubernetes' API types); all others are replaced. */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  volumes: 'name',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  secrets: 'name',
};
/** Its key depends on whose ports they are. */
const portsKeys = ['containerPort', 'port'] as const;
const deleteFrom = '$deleteFromPrimitiveList/';

/** The target with a patch worked in. @throws Error naming a directive that does not exist */
export function strategicallyMerged(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const { $patch: directive, $retainKeys: retained } = patch;
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'merge' && directive !== 'replace') {
    throw new Error(`$patch: ${JSON.stringify(directive)} must be merge, replace or delete`);
  }
  const start = directive === 'replace' || !isRecord(target) ? {} : target;
  const result: Record<string, unknown> = Object.fromEntries(
    Object.entries(start).filter(([key]) => !Array.isArray(retained) || retained.includes(key)),
  );
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(deleteFrom)) {
      const list = key.slice(deleteFrom.length);
      result[list] = listOf(result[list]).filter((item) => !listOf(value).includes(item));
    }
    if (key.startsWith('$')) continue;
    const merged = value === null ? undefined : mergedField(key, result[key], value);
    if (merged === undefined) delete result[key];
    else result[key] = merged;
  }
  return result;
}

function mergedField(name: string, target: unknown, value: unknown): unknown {
  if (!Array.isArray(value)) return strategicallyMerged(target, value);
  const items = listOf(value);
  const key = name === 'ports' ? portsKeyOf([...items, ...listOf(target)]) : mergeKeys[name];
  if (key === undefined) return items.map((item) => strategicallyMerged(undefined, item));
  return mergedByKey(listOf(target), items, key);
}

function portsKeyOf(items: readonly unknown[]): string | undefined {
  return portsKeys.find((key) => items.some((item) => isRecord(item) && key in item));
}

function mergedByKey(
  target: readonly unknown[],
  items: readonly unknown[],
  key: string,
): readonly unknown[] {
  const isReplaced = items.some((item) => isRecord(item) && item['$patch'] === 'replace');
  const result = isReplaced ? [] : [...target];
  for (const item of items) {
    if (!isRecord(item)) throw new Error(`${JSON.stringify(item)} must be a map`);
    if (item['$patch'] === 'replace' && item[key] === undefined) continue;
    if (item[key] === undefined) throw new Error(`an item lacks its ${key}`);
    const index = result.findIndex((one) => isRecord(one) && one[key] === item[key]);
    const merged = strategicallyMerged(result[index], item);
    if (index < 0 && merged !== undefined) result.push(merged);
    else if (merged === undefined) result.splice(index, index < 0 ? 0 : 1);
    else result[index] = merged;
  }
  return result;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
