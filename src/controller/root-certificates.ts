// The root certificate as a ConfigMap in every namespace, for proxies to mount (protocol section
// 5.6). Pure.

import type { Changes, DesiredObject } from './desired.ts';
import type { ConfigMap } from './kinds/core.ts';
import { objectPath } from './kinds/kinds.ts';
import type { ObjectSource } from './objects.ts';

/** The ConfigMap's name and key. */
export const rootCertificateName = 'istio-ca-root-cert';
export const rootCertificateKey = 'root-cert.pem';

const without = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** The ConfigMaps that are missing or hold something else. */
export function rootCertificateChanges(objects: ObjectSource, rootPem: string): Changes {
  const apply = objects.list('Namespace').flatMap(({ metadata }): DesiredObject[] => {
    const namespace = metadata.name;
    if (without.has(namespace) || metadata.deletionTimestamp !== undefined) return [];
    const existing = objects.get('ConfigMap', namespace, rootCertificateName);
    if (existing?.data?.[rootCertificateKey] === rootPem) return [];
    const body: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: rootCertificateName, namespace, labels: { 'istio.io/config': 'true' } },
      data: { [rootCertificateKey]: rootPem },
    };
    return [{ path: objectPath('ConfigMap', namespace, rootCertificateName), body }];
  });
  return { apply, remove: [] };
}
