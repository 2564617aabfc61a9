// Keeps certificates for exactly the identities of the node's pods: asked for before the first
// connection, dropped with the last pod that has them (protocol section 5.6).

import type { CertificateStore } from '../../dataplane/certificates/certificate-store.ts';
import type { MeshState } from '../../dataplane/state/mesh-state.ts';
import type { Identity } from '../../mesh/identity.ts';
import { identityOfWorkload } from '../../mesh/workload.ts';
import type { Pod } from '../proxy/proxy-parts.ts';

/** Follows pods and state. */
export class LocalIdentities {
  readonly #certificates: CertificateStore;
  #wanted: ReadonlySet<Identity> = new Set();

  constructor(certificates: CertificateStore) {
    this.#certificates = certificates;
  }

  /** To be called whenever pods or state have changed. */
  update(pods: Iterable<Pod>, state: MeshState): void {
    const wanted = new Set<Identity>();
    for (const pod of pods) {
      const workload = state.workloadOfPod(pod);
      if (workload !== undefined) wanted.add(identityOfWorkload(workload));
    }
    for (const identity of wanted) {
      if (!this.#wanted.has(identity)) this.#certificates.prefetch(identity);
    }
    for (const identity of this.#wanted) {
      if (!wanted.has(identity)) this.#certificates.release(identity);
    }
    this.#wanted = wanted;
  }
}
