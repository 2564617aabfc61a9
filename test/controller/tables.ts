// Watched tables from YAML text, for tests of pure translation.

import { parseAllDocuments } from 'yaml';
import { isKindName } from '../../src/controller/kinds/kinds.ts';
import type { KubernetesObject } from '../../src/controller/kinds/object.ts';
import { ObjectTables } from '../../src/controller/objects.ts';
import type { MeshOptions } from '../../src/controller/translate/mesh-options.ts';

/** The mesh of the tests. */
export const mesh: MeshOptions = {
  clusterId: 'Kubernetes',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
};

/** Fills tables with every document of a YAML text. */
export function tablesFrom(text: string): ObjectTables {
  const tables = new ObjectTables();
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as KubernetesObject | null;
    if (object === null) continue;
    if (!isKindName(object.kind)) throw new Error(`not a watched kind: ${object.kind}`);
    tables.set(object.kind, object);
  }
  return tables;
}
