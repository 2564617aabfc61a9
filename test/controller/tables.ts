// Watched tables from YAML text, for tests of pure translation.

import { parseAllDocuments } from 'yaml';
import { isKindName, type KindName, meshConfigName } from '../../src/controller/kinds/kinds.ts';
import type { KubernetesObject } from '../../src/controller/kinds/object.ts';
import { ObjectTables } from '../../src/controller/objects.ts';
import type { MeshOptions } from '../../src/controller/translate/mesh-options.ts';
import { classDefaultsLabel } from '../../src/controller/waypoint-overrides.ts';
import type { IpAddress } from '../../src/mesh/address.ts';

/** The mesh of the tests. */
export const mesh: MeshOptions = {
  clusterId: 'Kubernetes',
  trustDomain: 'cluster.local',
  clusterDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  network: '',
  revisions: ['default'],
  addressRanges: {
    ipv4: { address: '240.240.0.0' as IpAddress, length: 16 },
    ipv6: { address: '2001:2::' as IpAddress, length: 48 },
  },
};

/** Fills tables with every document of a YAML text. */
export function tablesFrom(text: string): ObjectTables {
  const tables = new ObjectTables();
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as KubernetesObject | null;
    if (object === null) continue;
    const kind = object.kind === 'ConfigMap' ? kindOfConfigMap(object) : object.kind;
    if (!isKindName(kind)) throw new Error(`not a watched kind: ${object.kind}`);
    tables.set(kind, object);
  }
  return tables;
}

/** The same objects are watched for several purposes. */
function kindOfConfigMap({ metadata }: KubernetesObject): KindName {
  if (metadata.labels?.[classDefaultsLabel] !== undefined) return 'ClassDefaults';
  return metadata.name === meshConfigName ? 'MeshConfig' : 'ConfigMap';
}
