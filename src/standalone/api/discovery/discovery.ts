// Discovery: which groups, versions and resources are served, in the plain form and in the aggregated
// form of newer clients.

import { compareVersions } from '../kinds/custom-kinds.ts';
import { apiVersionOf, type Kind } from '../kinds/kind.ts';
import type { Registry } from '../kinds/registry.ts';
import type { ApiResource } from './api-resource.ts';
import { virtualResources } from './virtual-resources.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Groups with their versions, preferred first. Those of custom resources come last and by name, as in
 * Kubernetes: of two kinds of one name kubectl takes the first, whenever they were defined. */
export function servedGroups(registry: Registry): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  const kinds = registry.all();
  const custom = kinds
    .filter((kind) => kind.custom)
    .toSorted((left, right) => (left.group < right.group ? -1 : 1));
  const note = (group: string, version: string): void => {
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  };
  for (const kind of kinds.filter((one) => !one.custom)) {
    for (const { version } of kind.versions) note(kind.group, version);
  }
  for (const { group, version } of virtualResources) note(group, version);
  for (const kind of custom) {
    for (const { version } of kind.versions) note(kind.group, version);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return groups;
}

/** The resources and subresources of one group version. */
export function resourcesOf(registry: Registry, group: string, version: string): ApiResource[] {
  const resources = registry
    .all()
    .filter((kind) => kind.group === group && kind.versions.some((one) => one.version === version))
    .flatMap(resourcesOfKind);
  const virtual = virtualResources
    .filter((one) => one.group === group && one.version === version)
    .map((one) => one.resource);
  return [...resources, ...virtual].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function resourcesOfKind(kind: Kind): ApiResource[] {
  const base = { singularName: '', namespaced: kind.namespaced };
  const resources: ApiResource[] = [
    {
      name: kind.plural,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs,
      ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
      ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    },
  ];
  if (kind.hasStatus) {
    resources.push({
      ...base,
      name: `${kind.plural}/status`,
      kind: kind.kind,
      verbs: ['get', 'patch', 'update'],
    });
  }
  if (kind.scale !== undefined) {
    resources.push({
      ...base,
      name: `${kind.plural}/scale`,
      group: 'autoscaling',
      version: 'v1',
      kind: 'Scale',
      verbs: ['get', 'patch', 'update'],
    });
  }
  return resources;
}

/** `/apis`. */
export function groupList(registry: Registry): object {
  const groups = [...servedGroups(registry)].filter(([group]) => group !== '');
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map(([group, versions]) => groupEntry(group, versions)),
  };
}

/** `/apis/GROUP`, or undefined when it is not served. */
export function groupDocument(registry: Registry, group: string): object | undefined {
  const versions = servedGroups(registry).get(group);
  if (versions === undefined) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) };
}

function groupEntry(name: string, versions: readonly string[]): object {
  const entries = versions.map((version) => ({
    groupVersion: apiVersionOf(name, version),
    version,
  }));
  return { name, versions: entries, preferredVersion: entries[0] };
}

/** `/api/v1` and `/apis/GROUP/VERSION`, or undefined when it is not served. */
export function resourceList(
  registry: Registry,
  group: string,
  version: string,
): object | undefined {
  if (servedGroups(registry).get(group)?.includes(version) !== true) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf(group, version),
    resources: resourcesOf(registry, group, version),
  };
}
