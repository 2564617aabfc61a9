// apidiscovery.k8s.io/v2: all groups, versions and resources in one answer.

import type { Registry } from '../kinds/registry.ts';
import type { ApiResource } from './api-resource.ts';
import { resourcesOf, servedGroups } from './discovery.ts';

/** Media type of the aggregated form, v2 or v2beta1, if the Accept header asks for one. */
export function aggregatedType(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const wanted of (accept ?? '').split(',')) {
    if (!wanted.includes('as=APIGroupDiscoveryList')) continue;
    if (/;v=v2(;|$)/.test(wanted.trim())) return 'v2';
    if (/;v=v2beta1(;|$)/.test(wanted.trim())) return 'v2beta1';
  }
  return undefined;
}

/** The core group (`/api`) or all others (`/apis`). */
export function aggregatedDiscovery(
  registry: Registry,
  core: boolean,
  form: 'v2' | 'v2beta1',
): object {
  const groups = [...servedGroups(registry)].filter(([group]) => (group === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${form}`,
    metadata: {},
    items: groups.map(([group, versions]) => ({
      metadata: core ? {} : { name: group },
      versions: versions.map((version) => ({
        version,
        freshness: 'Current',
        resources: nested(resourcesOf(registry, group, version), group, version),
      })),
    })),
  };
}

function nested(resources: readonly ApiResource[], group: string, version: string): object[] {
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((resource) => ({
      resource: resource.name,
      responseKind: { group, version, kind: resource.kind },
      scope: resource.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: resource.singularName,
      verbs: resource.verbs,
      ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
      ...(resource.categories === undefined ? {} : { categories: resource.categories }),
      subresources: resources
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map((sub) => ({
          subresource: sub.name.slice(resource.name.length + 1),
          responseKind: {
            group: sub.group ?? group,
            version: sub.version ?? version,
            kind: sub.kind,
          },
          verbs: sub.verbs,
        })),
    }));
}
