// What every namespace gets: its default ServiceAccount and the root certificate of the API server.

import type { KindName, ObjectStore } from '../store.ts';

/** Where the root certificate is, as Kubernetes has it. */
export const rootCertificateName = 'kube-root-ca.crt';

/** Fills every namespace, those that exist and those to come, and restores what is deleted. */
export function fillNamespaces(store: ObjectStore, rootCertificate: string): Disposable {
  const stack = new DisposableStack();
  const fill = (namespace: string): void => {
    const found = store.get('namespaces', '', namespace);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return;
    if (store.get('serviceaccounts', namespace, 'default') === undefined) {
      store.create({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace },
      });
    }
    if (store.get('configmaps', namespace, rootCertificateName) === undefined) {
      store.create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: rootCertificateName, namespace },
        data: { 'ca.crt': rootCertificate },
      });
    }
  };
  stack.use(
    store.watch('namespaces', ({ type, object }) => {
      if (type !== 'DELETED') fill(object.metadata.name);
    }),
  );
  const restore = (kind: KindName, name: string): void => {
    stack.use(
      store.watch(kind, ({ type, object }) => {
        if (type === 'DELETED' && object.metadata.name === name) {
          fill(object.metadata.namespace ?? '');
        }
      }),
    );
  };
  restore('serviceaccounts', 'default');
  restore('configmaps', rootCertificateName);
  return stack;
}
