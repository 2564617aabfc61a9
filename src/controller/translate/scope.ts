// What of a cluster belongs to this mesh: the namespaces that its administrators have chosen, and the objects
// that no other control plane claims by label `istio.io/rev`. Reading and writing differ, as in Istio: what
// carries no label is read by all control planes, and written by the one that owns its namespace.

import { configurationKinds, type KindName, type KindTypes } from '../kinds/kinds.ts';
import type { KubernetesObject } from '../kinds/object.ts';
import type { ObjectSource } from '../objects.ts';
import { type LabelRequirement, matchesLabels } from './label-selector.ts';

/** The label that names a control plane by its revision, or by a tag of it. */
export const revisionLabel = 'istio.io/rev';
/** Owns what carries no label. */
export const defaultRevision = 'default';

/** What decides. */
export interface ScopeRules {
  /** Always within. */
  readonly rootNamespace: string;
  /** The revision of this control plane, and tags that mean it. */
  readonly revisions: readonly string[];
  /** A namespace is within when one of them selects it; all are when there are none. */
  readonly discoverySelectors?: readonly LabelRequirement[];
}

/** Of these, objects with the label of another revision are not read. */
const revisedKinds: ReadonlySet<KindName> = new Set<KindName>(configurationKinds);

/** Read wherever they are: what they say is of other objects, or they have names of their own. */
const unlimitedKinds: ReadonlySet<KindName> = new Set<KindName>([
  'Namespace',
  'Node',
  'GatewayClass',
  'ConfigMap',
  'MeshConfig',
  'ClassDefaults',
]);

/** The objects that the mesh is made from. */
export function readable(objects: ObjectSource, rules: ScopeRules): ObjectSource {
  const isDiscovered = discovery(objects, rules);
  const limits = (kind: KindName): ((object: KubernetesObject) => boolean) | undefined => {
    if (unlimitedKinds.has(kind)) return undefined;
    if (revisedKinds.has(kind)) {
      return (object) => isDiscovered(object) && isForRevision(object, rules);
    }
    return rules.discoverySelectors === undefined ? undefined : isDiscovered;
  };
  return limited(objects, limits);
}

/** The objects that may be written: those that this control plane owns, discovered or not. */
export function writable(objects: ObjectSource, rules: ScopeRules): ObjectSource {
  const isOwn = (object: KubernetesObject): boolean => owns(objects, rules, object);
  return limited(objects, (kind) => (kind === 'Node' ? undefined : isOwn));
}

/** Whether this control plane owns an object: by its label, else by that of its namespace, else as the default
 * one. */
export function owns(objects: ObjectSource, rules: ScopeRules, object: KubernetesObject): boolean {
  const { namespace, labels } = object.metadata;
  // The controller's own namespace holds its own objects, whatever it is labelled.
  const home = namespace ?? (object.kind === 'Namespace' ? object.metadata.name : undefined);
  if (home === rules.rootNamespace && labels?.[revisionLabel] === undefined) return true;
  const ofNamespace =
    namespace === undefined ? undefined : objects.get('Namespace', undefined, namespace);
  const label = labels?.[revisionLabel] ?? ofNamespace?.metadata.labels?.[revisionLabel];
  return rules.revisions.includes(label || defaultRevision);
}

function isForRevision({ metadata }: KubernetesObject, { revisions }: ScopeRules): boolean {
  const label = metadata.labels?.[revisionLabel];
  return label === undefined || revisions.includes(label);
}

function discovery(
  objects: ObjectSource,
  { discoverySelectors, rootNamespace }: ScopeRules,
): (object: KubernetesObject) => boolean {
  if (discoverySelectors === undefined) return () => true;
  const known = new Map([[rootNamespace, true]]);
  return ({ metadata: { namespace } }) => {
    if (namespace === undefined) return true;
    let selected = known.get(namespace);
    if (selected === undefined) {
      const labels = objects.get('Namespace', undefined, namespace)?.metadata.labels ?? {};
      selected = discoverySelectors.some((selector) =>
        matchesLabels(selector, { 'kubernetes.io/metadata.name': namespace, ...labels }),
      );
      known.set(namespace, selected);
    }
    return selected;
  };
}

/** `limits` answers which objects of a kind are there; undefined for all. */
function limited(
  objects: ObjectSource,
  limits: (kind: KindName) => ((object: KubernetesObject) => boolean) | undefined,
): ObjectSource {
  return {
    list: <Kind extends KindName>(kind: Kind) => {
      const isThere = limits(kind);
      const all = objects.list(kind);
      return isThere === undefined ? all : all.filter((object) => isThere(object));
    },
    get: <Kind extends KindName>(
      kind: Kind,
      namespace: string | undefined,
      name: string,
    ): KindTypes[Kind] | undefined => {
      const found = objects.get(kind, namespace, name);
      return found === undefined || limits(kind)?.(found) === false ? undefined : found;
    },
  };
}
