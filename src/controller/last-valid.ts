// The last valid versions of invalid objects as ConfigMaps of the controller's own namespace, so that
// they survive a restart. Those in other namespaces are not trusted. Pure.

import { type Changes, type DesiredObject, isApplied, marked } from './desired.ts';
import type { ConfigMap } from './kinds/core.ts';
import { configLabel, isKindName, type KindName, objectPath } from './kinds/kinds.ts';
import { describeObject, type KubernetesObject, type ObjectMeta } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import type { Finding } from './translate/finding.ts';
import type { KeptVersion } from './translate/valid-versions.ts';

/** The label on the ConfigMaps, with its value `true`. */
export const lastValidLabel = 'ambit.io/last-valid';
/** Larger versions are not saved (AMB1620): a ConfigMap holds 1 MiB at most. */
export const maxSavedBytes = 512 * 1024;

/** The only annotation that changes what a configuration object does. */
const keptAnnotation = 'istio.io/dry-run';

/** What has been saved. */
export interface SavedVersions {
  readonly versions: readonly KeptVersion[];
  /** Names of ConfigMaps that cannot be read (AMB1625). */
  readonly unreadable: readonly string[];
}

/** Reads the saved versions from the watched ConfigMaps. */
export function savedVersions(objects: ObjectSource, namespace: string): SavedVersions {
  const versions: KeptVersion[] = [];
  const unreadable: string[] = [];
  for (const configMap of savedIn(objects, namespace)) {
    const version = versionIn(configMap);
    if (version === undefined) unreadable.push(configMap.metadata.name);
    else versions.push(version);
  }
  return { versions, unreadable };
}

/** What makes the ConfigMaps those of the objects that are invalid now. `isListed` tells whether all
 * objects of a kind are known: without that, none counts as deleted. */
export function lastValidChanges(
  objects: ObjectSource,
  kept: readonly KeptVersion[],
  namespace: string,
  isListed: (kind: KindName) => boolean,
  nowMs: number,
): Changes {
  const names = new Set<string>();
  const apply = kept.flatMap((one): DesiredObject[] => {
    const body = configMapOf(one, namespace);
    if (body === undefined) return [];
    const { name } = body.metadata;
    names.add(name);
    if (isApplied(objects.get('ConfigMap', namespace, name), body)) return [];
    const data = { ...body.data, savedAt: new Date(nowMs).toISOString() };
    const dated: ConfigMap = { ...body, data };
    return [{ path: objectPath('ConfigMap', namespace, name), body: dated }];
  });
  const remove = savedIn(objects, namespace)
    .filter(({ metadata, data }) => {
      const kind = data?.['kind'];
      if (kind !== undefined && isKindName(kind) && !isListed(kind)) return false;
      return !names.has(metadata.name);
    })
    .map(({ metadata }) => ({ path: objectPath('ConfigMap', namespace, metadata.name) }));
  return { apply, remove };
}

/** Tells the authors of the objects whose version in force is too large to save. */
export function lastValidFindings(kept: readonly KeptVersion[]): Finding[] {
  return kept.flatMap(({ kind, valid }): Finding[] => {
    const size = Buffer.byteLength(textOf(valid));
    if (size <= maxSavedBytes) return [];
    const { namespace, name } = valid.metadata;
    const message = `AMB1620 the last valid version has ${size} bytes, and at most ${maxSavedBytes} are saved: a restart of the controller loses it`;
    return [
      {
        object: { kind, name, ...(namespace !== undefined && { namespace }) },
        type: 'ambit.io/LastValidSaved',
        status: 'False',
        reason: 'TooLarge',
        message,
        code: 'AMB1620',
      },
    ];
  });
}

function savedIn(objects: ObjectSource, namespace: string): readonly ConfigMap[] {
  return objects
    .list('ConfigMap')
    .filter(
      ({ metadata }) =>
        metadata.namespace === namespace && metadata.labels?.[lastValidLabel] === 'true',
    );
}

/** Undefined when it would be too large. */
function configMapOf(version: KeptVersion, namespace: string): ConfigMap | undefined {
  const { kind, valid, invalidGeneration } = version;
  const object = textOf(valid);
  const { uid } = valid.metadata;
  if (uid === undefined || Buffer.byteLength(object) > maxSavedBytes) return undefined;
  const [watched = '', value = ''] = configLabel.split('=');
  const body: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `ambit-last-valid-${kind.toLowerCase()}-${uid}`,
      namespace,
      labels: { [lastValidLabel]: 'true', [watched]: value },
    },
    data: {
      kind,
      of: describeObject(valid),
      uid,
      generation: String(valid.metadata.generation ?? 0),
      invalidGeneration: String(invalidGeneration),
      object,
    },
  };
  return marked(body);
}

/** An object without what does not change its meaning. */
function textOf({ apiVersion, kind, metadata, spec }: KubernetesObject): string {
  const { name, namespace, uid, generation, creationTimestamp, labels, annotations } = metadata;
  const dryRun = annotations?.[keptAnnotation];
  const kept: Partial<ObjectMeta> = {
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(generation !== undefined && { generation }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(labels && { labels }),
    ...(dryRun !== undefined && { annotations: { [keptAnnotation]: dryRun } }),
  };
  return JSON.stringify({ apiVersion, kind, metadata: kept, spec });
}

function versionIn({ data = {} }: ConfigMap): KeptVersion | undefined {
  const { kind = '', object = '', uid, invalidGeneration = '' } = data;
  const valid = parsed(object);
  if (valid === undefined || !isKindName(kind) || !/^\d+$/.test(invalidGeneration))
    return undefined;
  if (valid.kind !== kind || uid === undefined || valid.metadata.uid !== uid) return undefined;
  return { kind, valid, invalidGeneration: Number(invalidGeneration) };
}

function parsed(text: string): KubernetesObject | undefined {
  try {
    const value = JSON.parse(text) as Partial<KubernetesObject> | null;
    return typeof value?.metadata?.name === 'string' ? (value as KubernetesObject) : undefined;
  } catch {
    // Somebody else's text; the caller reports it.
    return undefined;
  }
}
