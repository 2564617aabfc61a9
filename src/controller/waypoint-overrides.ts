// What users change of a waypoint's objects: ConfigMaps with patches, for a class and for one Gateway
// (features section 5.1.1). Pure.

import { parseDocument } from 'yaml';
import type { ConfigMap } from './kinds/core.ts';
import type { Gateway } from './kinds/gateway.ts';
import { managedLabel } from './kinds/kinds.ts';
import { byAge, describeObject, type KubernetesObject } from './kinds/object.ts';
import type { ObjectSource } from './objects.ts';
import { strategicallyMerged } from './strategic-merge.ts';
import type { Problem } from './translate/finding.ts';
import { gatewayNameLabel } from './translate/waypoint-labels.ts';

/** The keys of a ConfigMap of overrides. */
export type OverrideKey =
  | 'deployment'
  | 'service'
  | 'serviceAccount'
  | 'horizontalPodAutoscaler'
  | 'podDisruptionBudget';

const overrideKeys: Readonly<Record<string, OverrideKey>> = {
  deployment: 'deployment',
  service: 'service',
  serviceAccount: 'serviceAccount',
  horizontalPodAutoscaler: 'horizontalPodAutoscaler',
  podDisruptionBudget: 'podDisruptionBudget',
};

/** The label of a ConfigMap of the root namespace with overrides for all Gateways of a class. */
export const classDefaultsLabel = 'gateway.istio.io/defaults-for-class';
const referenceField = 'spec.infrastructure.parametersRef';
/** What leads from an object to its Gateway and its pods, which is not for overrides to change. */
const fixedFields = [
  ['apiVersion'],
  ['kind'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'ownerReferences'],
  ['metadata', 'labels', managedLabel],
  ['metadata', 'labels', gatewayNameLabel],
  ['spec', 'selector'],
  ['spec', 'scaleTargetRef'],
] as const;

/** One patch, and where it is written. */
interface Patch {
  readonly key: OverrideKey;
  readonly patch: unknown;
  /** `ConfigMap NAMESPACE/NAME data.KEY`. */
  readonly place: string;
}

/** The patches for one Gateway, the class's first. */
export class WaypointOverrides {
  readonly problems: readonly Problem[];
  readonly #patches: readonly Patch[];

  constructor(patches: readonly Patch[], problems: readonly Problem[]) {
    this.#patches = patches;
    this.problems = problems;
  }

  /** Whether anybody has asked for the object. */
  has(key: OverrideKey): boolean {
    return this.#patches.some((one) => one.key === key);
  }

  /** The object with its patches, or what is wrong with one of them. */
  apply(key: OverrideKey, object: KubernetesObject): KubernetesObject | Problem {
    let result: unknown = object;
    for (const { key: of, patch, place } of this.#patches) {
      if (of !== key) continue;
      try {
        result = strategicallyMerged(result, patch);
      } catch (error) {
        return problem(place, (error as Error).message);
      }
      const changed = fixedFields.find(
        (path) => JSON.stringify(at(result, path)) !== JSON.stringify(at(object, path)),
      );
      if (changed) return problem(`${place} ${changed.join('.')}`, 'may not be changed');
    }
    return result as KubernetesObject;
  }
}

/** The ConfigMap that a Gateway names: it, undefined when there is none, or a text for why it is not known. */
export type ParameterSource = (namespace: string, name: string) => ConfigMap | string | undefined;

/** The name of the ConfigMap with a Gateway's own overrides. */
export function parametersName({ spec }: Gateway): string | undefined {
  const { kind, group, name } = spec?.infrastructure?.parametersRef ?? {};
  return kind === 'ConfigMap' && (group ?? '') === '' ? name : undefined;
}

/** Reads the overrides of a Gateway. */
export function overridesOf(
  gateway: Gateway,
  objects: ObjectSource,
  rootNamespace: string,
  parameters: ParameterSource,
): WaypointOverrides {
  const className = gateway.spec?.gatewayClassName ?? '';
  const [defaults] = objects
    .list('ClassDefaults')
    .filter(
      ({ metadata }) =>
        metadata.namespace === rootNamespace && metadata.labels?.[classDefaultsLabel] === className,
    )
    .toSorted(byAge);
  const own = ownParameters(gateway, parameters);
  const problems = typeof own === 'string' ? [problem(referenceField, own)] : [];
  const sources = [defaults, typeof own === 'string' ? undefined : own];
  const read = sources.flatMap((one) => (one === undefined ? [] : readPatches(one)));
  return new WaypointOverrides(
    read.flatMap((one) => ('patch' in one ? [one] : [])),
    [...problems, ...read.flatMap((one) => ('patch' in one ? [] : [one]))],
  );
}

function ownParameters(
  gateway: Gateway,
  parameters: ParameterSource,
): ConfigMap | string | undefined {
  const reference = gateway.spec?.infrastructure?.parametersRef;
  if (reference === undefined) return undefined;
  const name = parametersName(gateway);
  if (name === undefined) {
    return `${reference.group || 'the core group'} ${reference.kind} is not known here; it must name a ConfigMap`;
  }
  const namespace = gateway.metadata.namespace ?? '';
  const found = parameters(namespace, name);
  if (found === undefined) return `there is no ConfigMap ${namespace}/${name}`;
  return typeof found === 'string' ? `ConfigMap ${namespace}/${name} ${found}` : found;
}

function readPatches(configMap: ConfigMap): (Patch | Problem)[] {
  const where = describeObject({ ...configMap, kind: 'ConfigMap' });
  return Object.entries(configMap.data ?? {}).map(([name, text]) => {
    const place = `${where} data.${name}`;
    const key = overrideKeys[name];
    if (key === undefined) {
      return problem(place, `is not known; there are ${Object.keys(overrideKeys).join(', ')}`);
    }
    const document = parseDocument(text);
    const [error] = document.errors;
    if (error !== undefined) {
      return problem(place, `is not YAML: ${error.message.split('\n')[0] ?? ''}`);
    }
    const patch: unknown = document.toJS({ maxAliasCount: 100 });
    // Asks for the object as it is.
    if (patch === null || patch === undefined) return { key, patch: {}, place };
    if (typeof patch !== 'object' || Array.isArray(patch)) {
      return problem(place, 'must be a map of fields');
    }
    return { key, patch, place };
  });
}

function problem(field: string, text: string): Problem {
  return { code: 'AMB1669', field, text };
}

function at(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[key];
  }
  return current;
}
