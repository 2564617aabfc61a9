// What every proxy must know of the certificate authority, as ConfigMaps in every namespace for proxies
// to mount: the roots, and the revocation lists (protocol section 5.6). Pure.

import type { Changes, DesiredObject } from './desired.ts';
import type { ConfigMap } from './kinds/core.ts';
import { objectPath } from './kinds/kinds.ts';
import type { ObjectSource } from './objects.ts';

/** The ConfigMap of the roots and its key. */
export const rootCertificateName = 'istio-ca-root-cert';
export const rootCertificateKey = 'root-cert.pem';
/** The ConfigMap of the revocation lists and its key. */
export const revocationListName = 'istio-ca-crl';
export const revocationListKey = 'ca-crl.pem';

const without = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

/** The ConfigMaps of the roots that are missing or hold something else. */
export function rootCertificateChanges(objects: ObjectSource, rootPem: string): Changes {
  return inEveryNamespace(objects, rootCertificateName, rootCertificateKey, () => rootPem);
}

/** The same for the revocation lists. Without lists none is made, but one that is there is emptied: it is
 * the empty file by which proxies know that nothing is revoked any more. */
export function revocationListChanges(objects: ObjectSource, listsPem: string): Changes {
  return inEveryNamespace(objects, revocationListName, revocationListKey, (existing) =>
    listsPem !== '' || existing !== undefined ? listsPem : undefined,
  );
}

function inEveryNamespace(
  objects: ObjectSource,
  name: string,
  key: string,
  contentFor: (existing: ConfigMap | undefined) => string | undefined,
): Changes {
  const apply = objects.list('Namespace').flatMap(({ metadata }): DesiredObject[] => {
    const namespace = metadata.name;
    if (without.has(namespace) || metadata.deletionTimestamp !== undefined) return [];
    const existing = objects.get('ConfigMap', namespace, name);
    const content = contentFor(existing);
    if (content === undefined || existing?.data?.[key] === content) return [];
    const body: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace, labels: { 'istio.io/config': 'true' } },
      data: { [key]: content },
    };
    const path = objectPath('ConfigMap', namespace, name);
    return [{ path, body, yieldsToRivals: true, ...(existing && { existing }) }];
  });
  return { apply, remove: [] };
}
