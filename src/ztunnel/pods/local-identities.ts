// Keeps certificates for exactly the identities of the node's pods: asked for before the first
// connection, dropped with the last pod that has them (protocol section 5.6). A pod is heard of from the
// node agent before it runs, and from the controller only once it has an address: its identity is
// asked for in the meantime, so that the first connection finds a certificate.

import type { CertificateStore } from '../../dataplane/certificates/certificate-store.ts';
import type { MeshState } from '../../dataplane/state/mesh-state.ts';
import { type Identity, identityOf } from '../../mesh/identity.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import type { Pod } from '../proxy/proxy-parts.ts';

/** Follows pods and state. */
export class LocalIdentities {
  readonly #certificates: CertificateStore;

  constructor(certificates: CertificateStore) {
    this.#certificates = certificates;
  }

  /** To be called whenever pods or state have changed. */
  update(pods: Iterable<Pod>, state: MeshState): void {
    const wanted = new Set<Identity>();
    for (const pod of pods) {
      const identity = identityOfPod(pod, state);
      if (identity !== undefined) wanted.add(identity);
    }
    for (const identity of wanted) this.#certificates.prefetch(identity);
    this.#certificates.retain(wanted);
  }
}

/** As the controller describes it; before that, as it will: the trust domain is that of the mesh. */
function identityOfPod(pod: Pod, state: MeshState): Identity | undefined {
  const workload = state.workloadOfPod(pod);
  if (workload !== undefined) return identityOfWorkload(workload);
  const [another] = state.workloads();
  if (another === undefined || pod.serviceAccount === '') return undefined;
  const { namespace, serviceAccount } = pod;
  return identityOf({ trustDomain: another.trustDomain, namespace, serviceAccount });
}
