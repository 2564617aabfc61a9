// Keeps the registry in step with the CustomResourceDefinitions that are stored.

import { isRecord, type JsonRecord, listAt, recordAt, textAt } from '../json.ts';
import { definition } from '../schema/definitions.ts';
import type { Schema } from '../schema/schema.ts';
import type { ObjectTable } from '../storage/object-table.ts';
import type { ApiObject } from '../store.ts';
import type { Column, Kind, KindVersion, ScalePaths } from './kind.ts';
import type { Registry } from './registry.ts';

/** Under which name definitions are kept. */
export const definitionsKind = 'apiextensions.k8s.io/customresourcedefinitions';

/** Registers every stored definition, and from now on every change, in the turn that makes it. */
export function followDefinitions(table: ObjectTable, registry: Registry): Disposable {
  for (const stored of table.list(definitionsKind)) registry.add(kindOf(stored));
  return table.history.follow(definitionsKind, ({ type, object }) => {
    if (type === 'DELETED') registry.remove(nameOf(object));
    else registry.add(kindOf(object));
  });
}

/** The resource that a definition defines. */
export function nameOf(definitionObject: ApiObject): string {
  const { spec } = definitionObject;
  return `${textAt(spec, 'group') ?? ''}/${textAt(spec, 'names', 'plural') ?? ''}`;
}

function kindOf(object: ApiObject): Kind {
  const { spec } = object;
  const names = recordAt(spec, 'names') ?? {};
  const all = listAt(spec, 'versions').filter(isRecord);
  const storage = all.find((version) => version['storage'] === true) ?? all[0];
  const scaled = recordAt(storage, 'subresources', 'scale');
  return {
    group: textAt(spec, 'group') ?? '',
    kind: textAt(names, 'kind') ?? '',
    listKind: textAt(names, 'listKind') ?? '',
    plural: textAt(names, 'plural') ?? '',
    singular: textAt(names, 'singular') ?? '',
    shortNames: listAt(names, 'shortNames').map(String),
    categories: listAt(names, 'categories').map(String),
    namespaced: textAt(spec, 'scope') === 'Namespaced',
    versions: all
      .filter((version) => version['served'] === true)
      .map((version) => versionFrom(object, version))
      .toSorted((a, b) => compareVersions(a.version, b.version)),
    storageVersion: textAt(storage, 'name') ?? '',
    storedAs: nameOf(object),
    hasStatus: all.some((version) => recordAt(version, 'subresources', 'status') !== undefined),
    scale: scaled === undefined ? undefined : scalePaths(scaled),
    hasGeneration: true,
    custom: true,
  };
}

function versionFrom(object: ApiObject, version: JsonRecord): KindVersion {
  const columns = listAt(version, 'additionalPrinterColumns').filter(
    isRecord,
  ) as unknown as Column[];
  const group = textAt(object.spec, 'group') ?? '';
  const name = textAt(version, 'name') ?? '';
  const kind = textAt(object.spec, 'names', 'kind') ?? '';
  const deprecated = version['deprecated'] === true;
  return {
    version: name,
    schema: rootSchema((recordAt(version, 'schema', 'openAPIV3Schema') ?? {}) as Schema),
    columns: columns.length > 0 ? columns : [age],
    ...(deprecated
      ? {
          deprecationWarning:
            textAt(version, 'deprecationWarning') ?? `${group}/${name} ${kind} is deprecated`,
        }
      : {}),
  };
}

const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

/** The definition's schema with the members that every object has. */
function rootSchema(schema: Schema): Schema {
  return {
    ...schema,
    type: 'object',
    properties: {
      ...schema.properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: definition('ObjectMeta'),
    },
  };
}

function scalePaths(scale: JsonRecord): ScalePaths {
  const path = (name: string): string[] | undefined =>
    textAt(scale, name)
      ?.split('.')
      .filter((part) => part !== '');
  return {
    specReplicas: path('specReplicasPath') ?? ['spec', 'replicas'],
    statusReplicas: path('statusReplicasPath') ?? ['status', 'replicas'],
    selector: path('labelSelectorPath'),
  };
}

/** Kubernetes' order of versions: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name. */
export function compareVersions(a: string, b: string): number {
  const rank = (version: string): readonly number[] | undefined => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return undefined;
    const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
    return [stage, Number(match[1]), Number(match[3] ?? 0)];
  };
  const left = rank(a);
  const right = rank(b);
  if (left === undefined || right === undefined) {
    if (left === right) return a < b ? -1 : 1;
    return left === undefined ? 1 : -1;
  }
  for (const [index, value] of left.entries()) {
    const difference = (right[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}
